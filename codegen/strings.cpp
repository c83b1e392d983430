#include "codegen/strings.h"

#include <cstring>

#include "ir/error.h"

namespace cnnc::codegen {

static bool is_repeated(const Graph& graph) {
  const Node* parent = graph.parent();
  return parent != nullptr && (parent->is("Scan") || parent->is("Loop") || is_repeated(parent->graph()));
}

std::optional<std::string> string_step_refusal(const Node& node) {
  if (node.is("ParseNumbers")) return std::nullopt;
  if (!node.is("FormatNumbers")) return "it does not convert between strings and numbers";
  if (is_repeated(node.graph())) return "it is inside of a loop, and the texts of a trip would be overwritten by the next one";
  return std::nullopt;
}

LibraryCall string_step_call(const Node& node) {
  CNNC_CHECK(!string_step_refusal(node)) << node.description();
  const bool formats = node.is("FormatNumbers");
  const auto number = static_cast<int32_t>(formats ? node.input(0)->dtype() : node.output()->dtype());
  LibraryCall call;
  call.symbol = formats ? "cnnc_format_numbers" : "cnnc_parse_numbers";
  call.params.resize(sizeof number);
  std::memcpy(call.params.data(), &number, sizeof number);
  call.operands = {0};
  call.sizes = {node.output()->type().element_count()};
  return call;
}

Tensor stored_strings(const Tensor& strings) {
  std::vector<uint64_t> offsets;
  std::string texts;
  for (int64_t i = 0; i < strings.size(); ++i) {
    offsets.push_back(strings.bytes() + texts.size());
    texts.append(strings.text(i)).push_back('\0');
  }
  Tensor stored(DType::u8, {static_cast<int64_t>(strings.bytes() + texts.size())});
  char* out = stored.mutable_data<char>();
  std::memcpy(out, offsets.data(), strings.bytes());
  std::memcpy(out + strings.bytes(), texts.data(), texts.size());
  return stored;
}

}  // namespace cnnc::codegen
