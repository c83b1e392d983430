#include "codegen/mpi_steps.h"

namespace cnnc::codegen {

std::optional<std::string> mpi_refusal(const Node& node) {
  if (node.is("AllReduceBegin") || node.is("AllReduceEnd")) return std::nullopt;
  return "it computes AllReduceBegin and AllReduceEnd, this is " + node.op_name();
}

LibraryCall mpi_call(const Node& node) {
  const char* symbol = node.is("AllReduceBegin") ? "cnnc_mpi_all_reduce_begin" : "cnnc_mpi_all_reduce_end";
  return {symbol, {}, {0}, {node.input(0)->dim(0)}};
}

}  // namespace cnnc::codegen
