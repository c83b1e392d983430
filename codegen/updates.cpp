#include "codegen/updates.h"

#include <algorithm>
#include <functional>

#include "codegen/in_place.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

// Calls `fn` for every node that reads the value's memory.
static void for_each_reader(const Value& value, const std::function<void(const Node&, const Value&)>& fn) {
  for (const auto& [user, operands] : value.users()) {
    if (user->op().is_view()) for_each_reader(*user->output(), fn);
    else fn(*user, value);
  }
}

static bool comes_before(const Node& first, const Node& second) {
  const NodeList::const_iterator next = std::next(first.position()), end = first.graph().nodes().end();
  return std::any_of(next, end, [&](const auto& node) { return node.get() == &second; });
}

// Whether `writer` reads `value` only where it writes its output.
static bool reads_in_place(const Node& writer, int output, const Value& value) {
  const auto allowed = in_place_operands(writer, writer.string_attribute("kernel"), output);
  for (size_t i = 0; i < writer.inputs().size(); ++i)
    if (writer.input(i) == &value && std::count(allowed.begin(), allowed.end(), static_cast<int>(i)) == 0) return false;
  return true;
}

bool is_in_place(const Graph& graph, size_t output) {
  const Value* input = graph.updated_input(output);
  const Value* root = root_of(graph.outputs()[output]);
  if (root == input) return true;  // stays as it is
  const Node* writer = root->producer();
  if (writer == nullptr || writer->is("Constant")) return false;
  bool safe = true;
  for_each_reader(*input, [&](const Node& reader, const Value& value) {
    const bool in_time = &reader == writer ? reads_in_place(*writer, root->index(), value) : comes_before(reader, *writer);
    safe = safe && in_time;
  });
  return safe;
}

// All copies stand behind everything else and read what nodes have computed, so they are in time.
static bool place(Graph& graph) {
  std::vector<size_t> copied;
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    if (graph.updated_input(i) && !is_in_place(graph, i)) copied.push_back(i);
  graph.append_at_end();
  for (size_t i : copied) {
    Value* copy = graph.make("Copy", {graph.outputs()[i]});
    copy->producer()->set_attribute("kernel", std::string("llvm:loops"));
    graph.set_output(i, copy);
  }
  return !copied.empty();
}

Pass place_updates() {
  return {"place-updates", "Outputs that update an input and cannot be written in its place are copied there at the end.",
          [](Graph& graph, const Target&) { return place(graph); }, nullptr, true};
}

}  // namespace cnnc::codegen
