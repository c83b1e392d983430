// The reference: runs a graph node by node from the operators' declarations.
#include <unordered_map>

#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/graph.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "ir/scalar_eval.h"
#include "ir/size_conditions.h"

namespace cnnc {
namespace {

// Gives a symbol that stands alone its size; what else the dims say is checked afterwards.
void bind_symbols(const Type& type, const Tensor& tensor, Symbols& symbols) {
  for (size_t a = 0; a < type.dims.size() && a < tensor.shape().size(); ++a)
    if (const auto name = type.dims[a].as_symbol()) symbols.emplace(*name, tensor.shape()[a]);
}

bool fits(const Type& type, const Tensor& tensor, const Symbols& symbols) {
  if (type.dtype != tensor.dtype() || type.dims.size() != tensor.shape().size()) return false;
  for (size_t a = 0; a < type.dims.size(); ++a)
    if (type.dims[a].evaluate(symbols) != tensor.shape()[a]) return false;
  return true;
}

// `what` names the tensor, when there is a fault to tell.
template <typename What>
void check_fits(const Type& type, const Tensor& tensor, const Symbols& symbols, const What& what) {
  if (fits(type, tensor, symbols)) return;
  std::string sizes;
  for (const auto& [name, value] : symbols) sizes += cat(sizes.empty() ? " with " : ", ", name, " = ", value);
  throw Error(cat(what(), " is ", type_of(tensor), ", need ", type, sizes));
}

class Interpreter {
 public:
  // `outer` holds the values of enclosing graphs; null at the top.
  Interpreter(const Graph& graph, Symbols symbols, const Interpreter* outer)
      : graph_(graph), symbols_(std::move(symbols)), outer_(outer) {}

  std::vector<Tensor> run(const std::vector<Tensor>& inputs) {
    take_inputs(inputs);
    for (const SizeCondition& condition : graph_.conditions()) check(condition);
    for (const auto& node : graph_.nodes()) {
      std::vector<Tensor> results = this->node(*node, operands(*node));
      for (size_t i = 0; i < results.size(); ++i)
        if (node->output(i)->use_count() > 0) values_[node->output(i)] = std::move(results[i]);
      drop_dead_operands(*node);
    }
    std::vector<Tensor> outputs;
    for (const Value* output : graph_.outputs()) outputs.push_back(find(output));
    return outputs;
  }

  std::vector<Tensor> node(const Node& node, const std::vector<const Tensor*>& operands) {
    check_sizes(node);
    std::vector<Tensor> results = compute(node, operands);
    for (size_t i = 0; i < results.size(); ++i)
      check_fits(node.output(i)->type(), results[i], symbols_,
                 [&] { return cat("computed output ", i, " of ", node.description()); });
    return results;
  }

 private:
  void take_inputs(const std::vector<Tensor>& inputs) {
    if (inputs.size() != graph_.inputs().size())
      throw Error(cat("graph ", quoted(graph_.name()), " got ", inputs.size(), " inputs, takes ", graph_.inputs().size()));
    for (size_t i = 0; i < inputs.size(); ++i) bind_symbols(graph_.inputs()[i]->type(), inputs[i], symbols_);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Value& value = *graph_.inputs()[i];
      if (value.use_count() == 0) continue;  // also an absent operand of a decomposed node
      check_fits(value.type(), inputs[i], symbols_,
                 [&] { return cat("input ", i, value.name().empty() ? "" : " " + quoted(value.name())); });
      values_[&value] = inputs[i];
    }
  }

  const Tensor& find(const Value* value) const {
    for (const Interpreter* i = this; i != nullptr; i = i->outer_)
      if (auto it = i->values_.find(value); it != i->values_.end()) return it->second;
    CNNC_CHECK(false) << "value " << quoted(value->name()) << " has not been computed";
    __builtin_unreachable();
  }

  std::vector<const Tensor*> operands(const Node& node) const {
    std::vector<const Tensor*> tensors;
    for (const Value* v : node.inputs()) tensors.push_back(v ? &find(v) : nullptr);
    return tensors;
  }

  // Frees what no later node of this graph reads. Uses in regions keep a value for good.
  void drop_dead_operands(const Node& node) {
    for (const Value* v : node.inputs()) {
      if (v == nullptr || &v->graph() != &graph_) continue;
      auto [it, first] = uses_left_.emplace(v, v->use_count());
      if (--it->second == 0) values_.erase(v);
    }
  }

  void check_sizes(const Node& node) const {
    if (symbols_.empty()) return;
    for (const SizeCondition& condition : size_conditions(node)) check(condition);
  }

  void check(const SizeCondition& condition) const {
    if (condition.zero.evaluate(symbols_) != 0)
      throw Error(cat("these inputs do not fit each other, the model needs ", condition.text));
  }

  std::vector<Tensor> compute(const Node& node, const std::vector<const Tensor*>& operands) {
    const OpDef& op = node.op();
    if (const Tensor* constant = node.output()->constant()) return {with_data(*constant, node)};
    if (op.has_kernel()) return op.run_kernel(node, operands);
    if (op.is_view()) return {operands[0]->reshaped(shape_of(node.output()->type()))};
    if (op.has_computation()) return computed(node, operands);
    if (op.has_decomposition()) return run_graph(*decomposed_body(node), operands);
    if (is_control_flow(node))
      return interpret_control_flow(node, operands, [this](const Graph& region, const std::vector<Tensor>& inputs) {
        return Interpreter(region, symbols_, this).run(inputs);
      });
    if (const Graph* body = node.region("body")) return run_graph(*body, operands);
    throw Error(cat(node.description(), " has no reference implementation"));
  }

  static Tensor with_data(const Tensor& constant, const Node& node) {
    if (constant.is_elided())
      throw Error(cat(node.description(), ": the text form has only a hash of this constant, not its data"));
    return constant;
  }

  Shape shape_of(const Type& type) const {
    Shape shape;
    for (const Dim& d : type.dims) shape.push_back(d.evaluate(symbols_));
    return shape;
  }

  std::vector<Tensor> computed(const Node& node, const std::vector<const Tensor*>& operands) {
    std::vector<Tensor> results;
    for (size_t i = 0; i < node.output_count(); ++i)
      results.push_back(evaluate(node.op().computation(node, static_cast<int>(i)), operands, symbols_));
    return results;
  }

  std::vector<Tensor> run_graph(const Graph& body, const std::vector<const Tensor*>& operands) {
    std::vector<Tensor> inputs;
    for (const Tensor* operand : operands) inputs.push_back(operand ? *operand : Tensor());
    return Interpreter(body, symbols_, this).run(inputs);
  }

  const Graph& graph_;
  Symbols symbols_;
  const Interpreter* outer_;
  std::unordered_map<const Value*, Tensor> values_;
  std::unordered_map<const Value*, int> uses_left_;
};

}  // namespace

std::vector<Tensor> interpret(const Graph& graph, const std::vector<Tensor>& inputs) {
  return Interpreter(graph, {}, nullptr).run(inputs);
}

bool can_interpret(const OpDef& op) { return op.has_kernel() || op.has_computation() || op.has_decomposition(); }

std::vector<Tensor> interpret_node(const Node& node, const std::vector<const Tensor*>& operands,
                                   const std::map<std::string, int64_t>& symbols) {
  Symbols bound = symbols;
  for (size_t i = 0; i < operands.size(); ++i)
    if (operands[i] && node.input(i)) bind_symbols(node.input(i)->type(), *operands[i], bound);
  for (const Tensor* operand : operands)
    if (operand != nullptr && operand->is_elided())
      throw Error(cat(node.description(), ": the text form has only a hash of a constant operand, not its data; print it ",
                      "with all elements"));
  return Interpreter(node.graph(), std::move(bound), nullptr).node(node, operands);
}

namespace {

// Operands before their users, at most kMostNodes of them.
class ConstantValue {
 public:
  std::optional<Tensor> of(const Value& value) {
    if (const Tensor* constant = value.constant()) return constant->is_elided() ? std::nullopt : std::optional(*constant);
    if (const auto ints = value.known_ints(); ints && value.type().is_static()) return tensor_of(*ints, value.type());
    const Node* node = value.producer();
    if (node == nullptr || !is_small(*node) || --nodes_left_ < 0) return std::nullopt;
    std::vector<std::optional<Tensor>> tensors;
    for (const Value* operand : node->inputs()) {
      tensors.push_back(operand ? of(*operand) : std::nullopt);
      if (operand && !tensors.back()) return std::nullopt;
    }
    std::vector<const Tensor*> operands;
    for (const auto& tensor : tensors) operands.push_back(tensor ? &*tensor : nullptr);
    return interpret_node(*node, operands).at(static_cast<size_t>(value.index()));
  }

 private:
  static constexpr int64_t kMostElements = 4096;

  static bool is_small(const Node& node) {
    const OpDef& op = node.op();
    bool small = op.is_pure() && can_interpret(op) && !node.inputs().empty();
    for (const Value* v : node.inputs()) small = small && (!v || (v->type().is_static() && v->type().element_count().value() <= kMostElements));
    for (size_t i = 0; i < node.output_count(); ++i) small = small && node.output(i)->type().is_static();
    return small;
  }

  static Tensor tensor_of(const Ints& ints, const Type& type) {
    Tensor tensor(type.dtype, type.shape());
    for (size_t i = 0; i < ints.size(); ++i) tensor.set_int(static_cast<int64_t>(i), ints[i]);
    return tensor;
  }

  int nodes_left_ = 64;
};

}  // namespace

std::optional<Tensor> constant_value(const Value& value) { return ConstantValue().of(value); }

}  // namespace cnnc
