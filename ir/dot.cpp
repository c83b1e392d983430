#include "ir/dot.h"

#include <sstream>

namespace cnnc {

static std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return result;
}

static std::string name_of_source(const Value& value) {
  return value.producer() != nullptr ? "n" + std::to_string(value.producer()->id()) : "i" + std::to_string(value.index());
}

static std::string label_of(const Node& node) {
  std::string label = escaped(node.op_name());
  if (const Attribute* kernel = node.attribute("kernel")) label += "\\n" + escaped(std::get<std::string>(*kernel));
  for (const std::string& origin : node.origins().names()) label += "\\n" + escaped(origin);
  return label;
}

static void print_edge(std::ostream& out, const Value& value, const std::string& target) {
  out << "  " << name_of_source(value) << " -> " << target << " [label=\"" << escaped(value.type().str()) << "\"];\n";
}

std::string dot_text(const Graph& graph) {
  std::ostringstream out;
  out << "digraph \"" << escaped(graph.name()) << "\" {\n  node [shape=box, fontname=\"monospace\"];\n";
  for (const auto& input : graph.inputs())
    out << "  i" << input->index() << " [shape=ellipse, label=\"" << escaped(input->name()) << "\"];\n";
  for (const auto& node : graph.nodes()) {
    out << "  n" << node->id() << " [label=\"" << label_of(*node) << "\"];\n";
    for (const Value* operand : node->inputs())
      if (operand != nullptr && &operand->graph() == &graph) print_edge(out, *operand, "n" + std::to_string(node->id()));
  }
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    out << "  o" << i << " [shape=ellipse, label=\"" << escaped(graph.output_names()[i]) << "\"];\n";
    print_edge(out, *graph.outputs()[i], "o" + std::to_string(i));
  }
  out << "}\n";
  return out.str();
}

}  // namespace cnnc
