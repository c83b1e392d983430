#include "frontend/dsl/definition.h"

#include "frontend/dsl/masks.h"
#include "ir/op_def.h"

namespace cnnc::dsl {

static thread_local std::shared_ptr<LayerCall> current_call;

std::string line_of(const Location& where) {
  const std::string file = where.file_name();
  return cat(file.substr(file.rfind('/') + 1), ":", where.line());
}

std::string LayerState::description() const {
  const std::string what = name.empty() ? cat("layer ", type) : cat("layer '", name, "' (", type, ")");
  return where.line() == 0 ? what : cat(what, " of ", line_of(where));  // operators have no line
}

CallScope::CallScope(std::shared_ptr<LayerState> layer, const Tensors& inputs) : outermost_(!current_call) {
  if (!outermost_) return;
  auto call = std::make_shared<LayerCall>();
  call->layer = std::move(layer);
  for (const Tensor& input : inputs) call->inputs.push_back(input.definition());
  current_call = std::move(call);
}

CallScope::~CallScope() {
  if (outermost_) current_call.reset();
}

std::shared_ptr<const LayerCall> CallScope::current() { return current_call; }

void CallScope::set_result(const Tensor& result) {
  if (outermost_) current_call->result = result.definition().get();
}

Node& add_operation(Graph& graph, const std::string& op, std::vector<Value*> operands, const Attributes& attributes,
                    int results) {
  int count = 0;
  for (const OperandDef& output : op_named(op).outputs()) count += output.optional ? 0 : 1;
  return *graph.add(op, std::move(operands), attributes, results > 0 ? results : count);
}

// The types of a node's results, found by making the node in a graph of its own.
static std::vector<Type> inferred_types(const std::string& op, const std::vector<DefinitionPtr>& operands,
                                        const Attributes& attributes, int results) {
  Graph scratch;
  std::vector<Value*> values;
  for (const DefinitionPtr& d : operands) {
    if (!d) values.push_back(nullptr);
    else if (d->constant) values.push_back(scratch.constant(*d->constant));
    else values.push_back(scratch.add_input(d->type));
  }
  const Node& node = add_operation(scratch, op, std::move(values), attributes, results);
  std::vector<Type> types;
  for (size_t i = 0; i < node.output_count(); ++i) types.push_back(node.output(i)->type());
  return types;
}

static std::string types_of(const std::vector<DefinitionPtr>& operands) {
  std::string text;
  for (const DefinitionPtr& d : operands)
    if (d) text += (text.empty() ? "" : " and ") + d->type.str();
  return text;
}

// An operation outside of layers is a layer of its own in summaries and messages.
static std::shared_ptr<const LayerCall> call_for(const std::string& op, const std::vector<DefinitionPtr>& operands,
                                                 const Location& where) {
  if (current_call) return current_call;
  auto call = std::make_shared<LayerCall>();
  call->layer = std::make_shared<LayerState>();
  call->layer->type = op;
  call->layer->where = where;
  for (const DefinitionPtr& d : operands)
    if (d) call->inputs.push_back(d);
  return call;
}

static Tensors record_definitions(const std::string& op, std::vector<DefinitionPtr> operands, Attributes attributes,
                                  int results, const Location& where) {
  auto operation = std::make_shared<Operation>();
  operation->call = call_for(op, operands, where);
  std::vector<Type> types;
  try {
    types = inferred_types(op, operands, attributes, results);
  } catch (const Error& e) {
    throw Error(cat(operation->call->layer->description(), ": ", e.message(), "; it was given ", types_of(operands)),
                Fault::usage);
  }
  operation->op = op;
  operation->operands = std::move(operands);
  operation->attributes = std::move(attributes);
  operation->results = results;
  Tensors tensors;
  for (size_t i = 0; i < types.size(); ++i) {
    auto result = std::make_shared<Definition>();
    result->type = types[i];
    result->call = operation->call;
    result->operation = operation;
    result->result = i;
    tensors.emplace_back(std::move(result));
  }
  return tensors;
}

// The mask of operands that have as many axes as the result.
static Tensor with_mask_of(const Tensor& result, const Tensors& operands, const Location& where) {
  if (!any_masked(operands)) return result;
  Tensors of_rank;
  for (const Tensor& t : operands)
    if (t.rank() == result.rank()) of_rank.push_back(t);
  return masked(result, mask_of_any(of_rank, where));
}

Tensor record(const std::string& op, const Tensors& operands, Attributes attributes, Location where) {
  std::vector<DefinitionPtr> definitions;
  for (const Tensor& t : operands) definitions.push_back(t.definition());
  const Tensor result = record_definitions(op, std::move(definitions), std::move(attributes), 0, where)[0];
  return op_named(op).is_elementwise() ? with_mask_of(result, operands, where) : result;
}

Tensors record_results(const std::string& op, const std::vector<const Tensor*>& operands, Attributes attributes,
                       int results, Location where) {
  std::vector<DefinitionPtr> definitions;
  for (const Tensor* t : operands) definitions.push_back(t ? t->definition() : nullptr);
  return record_definitions(op, std::move(definitions), std::move(attributes), results, where);
}

Tensor constant_tensor(cnnc::Tensor values) {
  auto definition = std::make_shared<Definition>();
  definition->type = type_of(values);
  definition->constant = std::make_shared<cnnc::Tensor>(std::move(values));
  return Tensor(std::move(definition));
}

Tensor integers(const std::vector<int64_t>& values) { return constant_tensor(cnnc::Tensor::ints(values)); }

}  // namespace cnnc::dsl
