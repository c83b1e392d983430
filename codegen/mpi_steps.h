// Sums over processes as a kernel family: steps that MPI computes (runtime/mpi/mpi_steps.cpp).
#pragma once
#include <optional>

#include "codegen/library_call.h"

namespace cnnc::codegen {

inline constexpr const char* kMpiKernel = "mpi:all_reduce";

// Why this kernel cannot compute the node; nothing when it can.
std::optional<std::string> mpi_refusal(const Node& node);
LibraryCall mpi_call(const Node& node);

}  // namespace cnnc::codegen
