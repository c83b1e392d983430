// What this machine can do at most, and how near to it the steps of a model come.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tools/session.h"

namespace cnnc::tools {

// Giga per second that the compiler's own kernels reach at their best: a product of matrices that fit the caches, and a
// copy that does not.
struct Roofline {
  double flops = 0, bytes = 0;
};
// Takes about a second.
Roofline measure_roofline(const BuildFlags& build, int threads);

struct StepProfile {
  std::string name, kernel, sources;
  double flops = 0, bytes = 0;  // of one run
  double ns = 0;
  // The least time that the roofline allows, over the time that was taken. Above 1 when the caches hold what the step moves.
  double share_of(const Roofline& roofline) const;
};

// Runs a session that profiles, on inputs of zeros, and gives the mean times of its steps.
std::vector<StepProfile> profile_steps(const Session& session, int runs);

}  // namespace cnnc::tools
