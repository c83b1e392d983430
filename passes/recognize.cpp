#include "passes/recognize.h"

#include "passes/passes.h"

namespace cnnc {

static std::vector<Rewrite> recognizing_rewrites() {
  std::vector<Rewrite> all;
  for (auto* family : {exponential_rewrites, gate_rewrites, normalization_rewrites})
    for (Rewrite& r : family()) all.push_back(std::move(r));
  return all;
}

Pass recognize_operators() {
  return {"recognize-operators", "Operators that exporters wrote in pieces become one node again.", nullptr,
          [](const Target&) { return recognizing_rewrites(); }};
}

}  // namespace cnnc
