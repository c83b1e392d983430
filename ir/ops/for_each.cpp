// One body over many sets of operands.
#include "ir/error.h"
#include "ir/ops/for_each.h"

namespace cnnc {

ForEachLayout::ForEachLayout(const Node& node)
    : sets(static_cast<size_t>(node.int_attribute("sets"))),
      shared(static_cast<size_t>(node.int_attribute("shared"))),
      inputs(node.region("body")->inputs().size() - shared),
      outputs(node.region("body")->outputs().size()) {}

const Value* ForEachLayout::sized_operand(const Node& node, size_t set) const {
  const Graph& body = *node.region("body");
  for (size_t k = 0; k < inputs; ++k)
    if (body.inputs()[shared + k]->rank() == 1) return node.input(operand(set, k));
  return nullptr;
}

namespace {

// Whether a tensor can be what the body calls `need`: a single element as it is, anything else as one long row.
bool fits(const Type& need, const Type& type, const Dim& elements) {
  if (need.dtype != type.dtype) return false;
  return need.rank() == 0 ? type.rank() == 0 : type.element_count() == elements;
}

void check_body(const OpContext& c, const Graph* body) {
  c.require(body != nullptr, "has no body");
  const int64_t shared = c.integer("shared"), sets = c.integer("sets");
  c.require(sets > 0, "has ", sets, " sets of operands, need at least one");
  const auto inputs = static_cast<int64_t>(body->inputs().size());
  c.require(shared >= 0 && shared < inputs, "shares ", shared, " operands, its body takes ", inputs);
  const int64_t operands = shared + sets * (inputs - shared);
  c.require(static_cast<int64_t>(c.input_count()) == operands, "has ", c.input_count(), " inputs, ", sets,
            " sets for its body are ", operands);
  const int64_t results = sets * static_cast<int64_t>(body->outputs().size());
  c.require(static_cast<int64_t>(c.output_count()) == results, "has ", c.output_count(), " outputs, ", sets,
            " sets of its body's are ", results);
  for (const Value* output : body->outputs())
    c.require(output->rank() == 1, "its body returns ", output->type(), ", need rows");
  // What lets results take the place of operands.
  for (const auto& node : body->nodes())
    c.require(node->op().is_elementwise() || node->is("Constant"), "its body has the operator ", node->op_name(),
              ", need element-wise ones");
}

std::vector<Type> for_each_types(const OpContext& c) {
  const Graph* body = c.node().region("body");
  check_body(c, body);
  for (size_t i = 0; i < c.input_count(); ++i) c.require(c.has(i), "input ", i, " is missing");
  const ForEachLayout layout(c.node());
  for (size_t i = 0; i < layout.shared; ++i)
    c.require(c.type(i) == body->inputs()[i]->type() && c.rank(i) == 0, "shared input ", i, " is ", c.type(i),
              ", its body takes ", body->inputs()[i]->type(), ", need a single element");
  std::vector<Type> types;
  for (size_t set = 0; set < layout.sets; ++set) {
    const Value* sized = layout.sized_operand(c.node(), set);
    c.require(sized != nullptr, "its body takes no row");
    for (size_t k = 0; k < layout.inputs; ++k) {
      const size_t i = layout.operand(set, k);
      const Type& need = body->inputs()[layout.shared + k]->type();
      c.require(fits(need, c.type(i), sized->type().element_count()), "input ", i, " is ", c.type(i), ", its body takes ",
                need, " and the set begins with ", sized->type());
    }
    for (const Value* output : body->outputs()) types.push_back({output->dtype(), sized->type().dims});
  }
  return types;
}

std::vector<Tensor> run_for_each(const Node& node, const std::vector<const Tensor*>& operands) {
  const ForEachLayout layout(node);
  const Graph& body = *node.region("body");
  std::vector<Tensor> results;
  for (size_t set = 0; set < layout.sets; ++set) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < layout.shared; ++i) inputs.push_back(*operands[i]);
    Shape shape;
    for (size_t k = 0; k < layout.inputs; ++k) {
      const Tensor& operand = *operands[layout.operand(set, k)];
      const bool row = body.inputs()[layout.shared + k]->rank() == 1;
      if (row && shape.empty()) shape = operand.shape();
      inputs.push_back(row ? operand.reshaped({operand.size()}) : operand);
    }
    for (const Tensor& result : interpret(body, inputs)) results.push_back(result.reshaped(shape));
  }
  return results;
}

}  // namespace

CNNC_OP(ForEach)
    .doc(
        "The results of a graph over each of several sets of operands, computed by one kernel: the update of all parameters "
        "of a model. The body takes the `shared` operands, which are single elements, and those of one set: single elements "
        "and rows f32[n], for which tensors of any shape stand. Its results are rows.")
    .variadic_input("inputs", kAnyType, "")
    .variadic_output("outputs")
    .required_attribute("body", std::shared_ptr<Graph>())
    .required_attribute("sets", int64_t{1})
    .attribute("shared", int64_t{0})
    .infer(for_each_types)
    .kernel(run_for_each);

}  // namespace cnnc
