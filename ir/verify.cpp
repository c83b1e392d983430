// Checks every rule of the IR that code may rely on.
#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace cnnc {
namespace {

class Verifier {
 public:
  void graph(const Graph& graph, const Node* parent) {
    if (graph.parent() != parent) fail("graph ", quoted(graph.name()), " does not know its parent node");
    const size_t outer = scope_.size();
    for (size_t i = 0; i < graph.inputs().size(); ++i) input(graph, i);
    for (const auto& node : graph.nodes()) this->node(graph, *node);
    results(graph);
    for (; scope_.size() > outer; scope_.pop_back()) {
      users(*scope_.back());
      visible_.erase(scope_.back());
    }
  }

 private:
  template <typename... Parts>
  [[noreturn]] static void fail(const Parts&... parts) {
    throw Error("the graph is malformed: " + cat(parts...), Fault::internal);
  }

  static std::string described(const Value& value) {
    std::string name = value.name().empty() ? "" : " " + quoted(value.name());
    if (value.producer() == nullptr) return cat("input", name.empty() ? cat(" ", value.index()) : name);
    return cat("value", name, " (output ", value.index(), " of ", value.producer()->description(), ")");
  }

  void define(const Value& value) {
    scope_.push_back(&value);
    visible_.emplace(&value, Uses{});
  }

  void input(const Graph& graph, size_t i) {
    const Value& value = *graph.inputs()[i];
    if (value.producer() != nullptr || &value.graph() != &graph || value.index() != static_cast<int>(i))
      fail(described(value), " of graph ", quoted(graph.name()), " is not its input ", i);
    define(value);
  }

  void node(const Graph& graph, const Node& node) {
    if (&node.graph() != &graph || node.position()->get() != &node)
      fail(node.description(), " is not where it says it is");
    if (!nodes_.insert(&node).second) fail(node.description(), " is twice in the graph");
    for (size_t i = 0; i < node.inputs().size(); ++i) operand(node, i);
    for (const auto& [name, attribute] : node.attributes())
      if (const auto* region = std::get_if<std::shared_ptr<Graph>>(&attribute)) {
        if (*region == nullptr) fail("region ", quoted(name), " of ", node.description(), " is missing");
        this->graph(**region, &node);
      }
    outputs(node);
  }

  void operand(const Node& node, size_t i) {
    const Value* value = node.input(i);
    if (value == nullptr) return;
    // Only a visible value is certain to exist, so others are not described.
    const auto found = visible_.find(value);
    if (found == visible_.end()) fail("input ", i, " of ", node.description(), " is not defined before its use");
    check_closed(node.graph(), *value);
    ++found->second.operands;
  }

  static void check_closed(const Graph& graph, const Value& value) {
    const Node* parent = graph.parent();
    if (parent && is_control_flow(*parent) && &value.graph() != &graph)
      fail("graph ", quoted(graph.name()), " of ", parent->description(), " uses ", described(value),
           " of an enclosing graph, which has to be an operand of the node");
  }

  void outputs(const Node& node) {
    const std::vector<Type> types = inferred(node);
    if (types.size() < node.output_count())
      fail(node.description(), " has ", node.output_count(), " outputs but its declaration has ", types.size());
    for (size_t i = 0; i < node.output_count(); ++i) {
      const Value& value = *node.output(i);
      if (value.producer() != &node || value.index() != static_cast<int>(i) || &value.graph() != &node.graph())
        fail("output ", i, " of ", node.description(), " does not know its producer");
      if (value.type() != types[i])
        fail(described(value), " has the type ", value.type(), " but its declaration infers ", types[i]);
      define(value);
    }
  }

  static std::vector<Type> inferred(const Node& node) {
    try {
      return node.op().infer_types(node);
    } catch (const Error& e) {
      fail(e.message());
    }
  }

  void results(const Graph& graph) {
    if (graph.output_names().size() != graph.outputs().size())
      fail("graph ", quoted(graph.name()), " has ", graph.outputs().size(), " results with ",
           graph.output_names().size(), " names");
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const auto found = visible_.find(graph.outputs()[i]);
      if (found == visible_.end()) fail("result ", i, " of graph ", quoted(graph.name()), " is not defined in it");
      check_closed(graph, *graph.outputs()[i]);
      ++found->second.results;
    }
    updates(graph);
  }

  void updates(const Graph& graph) const {
    std::set<const Value*> updated;
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const Value* input = graph.updated_input(i);
      if (input == nullptr) continue;
      if (input->producer() != nullptr || !visible_.count(input))
        fail("result ", i, " of graph ", quoted(graph.name()), " goes into a value that is no input");
      if (input->type() != graph.outputs()[i]->type())
        fail("result ", i, " is ", graph.outputs()[i]->type(), " but goes into ", described(*input), ", which is ",
             input->type());
      if (!updated.insert(input).second) fail("two results go into ", described(*input));
    }
  }

  // How often nodes and graphs were seen to use a value.
  struct Uses {
    int operands = 0, results = 0;
  };

  // All uses lie inside of the scope of a value, so they are counted when it ends.
  void users(const Value& value) const {
    const Uses& counted = visible_.at(&value);
    int total = 0;
    for (const auto& [user, operands] : value.users()) {
      // Only a node that was visited is certain to exist.
      const auto uses = nodes_.count(user) ? std::count(user->inputs().begin(), user->inputs().end(), &value) : 0;
      if (uses != operands)
        fail(described(value), " counts ", operands, " uses by a node that uses it ", uses, " times");
      total += operands;
    }
    if (total != counted.operands) fail(described(value), " does not know all of its users");
    if (value.use_count() != total + counted.results)
      fail(described(value), " is used as a result ", counted.results, " times but counts ", value.use_count() - total);
  }

  std::vector<const Value*> scope_;  // in order of definition
  std::unordered_map<const Value*, Uses> visible_;
  std::unordered_set<const Node*> nodes_;
};

}  // namespace

void verify(const Graph& graph) { Verifier().graph(graph, graph.parent()); }

}  // namespace cnnc
