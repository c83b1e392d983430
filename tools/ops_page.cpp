#include "tools/ops_page.h"

#include <type_traits>

#include "ir/op_def.h"
#include "ir/text.h"

namespace cnnc::tools {
namespace {

std::string types_text(const DTypes& types) {
  if (types == kAnyType) return "any";
  if (types == kWideTypes) return "number, bool";
  if (types == kNumberTypes) return "number";
  if (types == kFloatTypes) return "float";
  if (types == kIntTypes) return "integer";
  std::string text;
  for (const DType type : types) text += (text.empty() ? "" : ", ") + std::string(name_of(type));
  return text;
}

std::string operand_text(const OperandDef& operand, bool with_types) {
  std::string text = "`" + operand.name + "`";
  if (operand.variadic) text += "...";
  if (with_types) text += ": " + types_text(operand.types);
  if (operand.optional) text += " (optional)";
  return text;
}

std::string value_text(const Attribute& value) {
  return std::visit(
      [&](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, int64_t>) return std::to_string(v);
        else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::string>) return text_of(v);
        else if constexpr (std::is_same_v<T, Ints>) {
          std::string text;
          for (const int64_t i : v) text += (text.empty() ? "" : ", ") + std::to_string(i);
          return "[" + text + "]";
        } else return kind_of(value);
      },
      value);
}

std::string attribute_text(const AttributeDef& attribute) {
  std::string text = "`" + attribute.name + "`";
  if (attribute.required) return text + " (required " + std::string(kind_of(attribute.example)) + ")";
  if (!attribute.fallback) return text + " (" + std::string(kind_of(attribute.example)) + ")";
  return text + " = " + value_text(*attribute.fallback);
}

template <typename List, typename Text>
std::string line(const char* title, const List& list, const Text& text_of) {
  if (list.empty()) return "";
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : "; ") + text_of(item);
  return std::string("- ") + title + ": " + text + "\n";
}

// How the operator is declared, which tells what the compiler derives.
const char* form_of(const OpDef& op) {
  if (op.is_elementwise()) return "element-wise";
  if (op.has_computation()) return "computation";
  if (op.has_decomposition()) return "decomposition";
  if (op.is_view()) return "view";
  if (op.has_kernel()) return "kernel";
  return "structure";
}

std::string versions_text(const OpDef& op) {
  if (op.onnx_versions().empty()) return "cnnc's own";
  std::string text = op.onnx_domain().empty() ? "ONNX" : op.onnx_domain();
  for (const int version : op.onnx_versions()) text += (text.back() < '0' || text.back() > '9' ? " " : ", ") + std::to_string(version);
  return text;
}

std::string section(const OpDef& op) {
  const auto inputs = [](const OperandDef& o) { return operand_text(o, true); };
  const auto outputs = [](const OperandDef& o) { return operand_text(o, false); };
  const auto attributes = [](const AttributeDef& a) { return attribute_text(a); };
  return "\n## " + op.name() + "\n\n" + op.doc_text() + "\n\n" + line("operands", op.inputs(), inputs) +
         line("results", op.outputs(), outputs) + line("attributes", op.attributes(), attributes) + "- form: " +
         form_of(op) + "; " + versions_text(op) + "\n";
}

}  // namespace

std::string ops_page() {
  const std::vector<const OpDef*> ops = all_ops();
  std::string page =
      "# Operators\n\n"
      "Written by `cnnc list ops --format=markdown` from the declarations in `ir/ops`; a test compares. Each has the\n"
      "operands, results and attributes of its newest ONNX version; older ones are upgraded at import. The numbers are\n"
      "the opsets that changed the operator and can be imported. A form tells how it is declared (`adding-an-op.md`).\n\n"
      "float: f32, f64, f16, bf16. integer: i8 to i64, u8 to u64. number: both. any: these, bool, narrow types (f8e4m3fn,\n"
      "i4, ...), c64, c128 and string.\n";
  for (const OpDef* op : ops) page += section(*op);
  return page;
}

}  // namespace cnnc::tools
