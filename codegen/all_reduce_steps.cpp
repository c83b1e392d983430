#include "codegen/all_reduce_steps.h"

namespace cnnc::codegen {

std::optional<std::string> all_reduce_refusal(const Node& node) {
  if (node.is("AllReduceBegin") || node.is("AllReduceEnd")) return std::nullopt;
  return "it computes AllReduceBegin and AllReduceEnd, this is " + node.op_name();
}

LibraryCall all_reduce_call(const Node& node) {
  const char* symbol = node.is("AllReduceBegin") ? "cnnc_all_reduce_begin" : "cnnc_all_reduce_end";
  return {symbol, {}, {0}, {node.input(0)->dim(0)}};
}

}  // namespace cnnc::codegen
