#include "codegen/scatter_steps.h"

#include <cstring>

#include "ir/ops/scatter_rows.h"

namespace cnnc::codegen {

std::optional<std::string> scatter_refusal(const Node& node) {
  if (node.is("ScatterRows")) return std::nullopt;
  return "it computes ScatterRows, this is " + node.op_name();
}

LibraryCall scatter_call(const Node& node) {
  const ScatterParams params{static_cast<int32_t>(node.output()->dtype()),
                             scatter_reduction(node.string_attribute("reduction"))};
  LibraryCall call{"cnnc_scatter_rows", {}, {0, 1, 2}, node.output()->type().dims};
  call.params.resize(sizeof params);
  std::memcpy(call.params.data(), &params, sizeof params);
  call.sizes.push_back(node.input(1)->dim(1));
  return call;
}

}  // namespace cnnc::codegen
