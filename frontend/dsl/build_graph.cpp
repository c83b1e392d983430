#include "frontend/dsl/build_graph.h"

#include <map>
#include <set>
#include <utility>

#include "ir/error.h"

namespace cnnc::dsl {

namespace {

// "Conv2DTranspose" -> "conv2d_transpose", "LeakyReLU" -> "leaky_re_lu", as Keras spells them.
std::string snake_case(const std::string& type) {
  std::string name;
  for (size_t i = 0; i < type.size(); ++i) {
    const auto is_lower = [&](size_t k) { return k < type.size() && std::islower(static_cast<unsigned char>(type[k])) != 0; };
    const bool upper = std::isupper(static_cast<unsigned char>(type[i])) != 0;
    if (upper && i > 0 && (is_lower(i - 1) || is_lower(i + 1))) name += '_';
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(type[i])));
  }
  return name;
}

// The input as the data have it.
DefinitionPtr source_input(const DefinitionPtr& d) { return d->is_input_view ? d->operation->operands[0] : d; }

class ModelBuilder {
 public:
  ModelBuilder(const Tensors& inputs, const Tensors& outputs) {
    model_.inputs = inputs;
    model_.outputs = outputs;
  }

  ModelDefinition define() {
    if (model_.inputs.empty() || model_.outputs.empty())
      throw Error("a model needs at least one input and one output", Fault::usage);
    for (Tensor& input : model_.inputs) add_input(input);
    for (size_t i = 0; i < model_.inputs.size(); ++i) name_input(i);
    for (const Tensor& output : model_.outputs) visit(output.definition());
    visit_masks();
    take_given_names();
    for (const DefinitionPtr& d : model_.order)
      if (!d->is_input_view) add_to_layer(d);
    for (BuiltLayer& layer : model_.layers) connect(layer);
    name_outputs();
    return std::move(model_);
  }

 private:
  std::string unique_name(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 1; !names_.insert(name).second; ++i) name = cat(wanted, "_", i);
    return name;
  }

  void add_input(Tensor& input) {
    const DefinitionPtr d = source_input(input.definition());
    if (d->operation || d->variable || d->constant)
      throw Error(cat("an input of the model is the result of an operation, ", input.type(), "; give what input() returned"),
                  Fault::usage);
    if (!inputs_.insert(d.get()).second) throw Error("an input is given twice", Fault::usage);
    input = Tensor(d);
    if (!d->name.empty() && !names_.insert(d->name).second)
      throw Error(cat("two inputs are named '", d->name, "', the second one in ", line_of(d->where), ": all need names of their own"),
                  Fault::usage);
  }

  void name_input(size_t i) {
    const DefinitionPtr& d = model_.inputs[i].definition();
    model_.input_names.push_back(d->name.empty() ? unique_name("input") : d->name);
    layer_names_[d.get()] = model_.input_names.back();
  }

  // Layers without a name take one that nobody was given.
  void take_given_names() {
    std::map<std::string, const LayerState*> owners;
    for (const DefinitionPtr& d : model_.order) {
      const LayerState* layer = d->call->layer.get();
      if (d->is_input_view || layer->name.empty()) continue;
      const auto [it, is_new] = owners.emplace(layer->name, layer);
      if (!is_new && it->second != layer)
        throw Error(cat(layer->description(), " has the name of ", it->second->description(), ": all layers of a model need names "
                        "of their own"),
                    Fault::usage);
      if (is_new && !names_.insert(layer->name).second)
        throw Error(cat(layer->description(), " has the name of an input: all need names of their own"), Fault::usage);
    }
  }

  void visit_masks() {
    std::vector<DefinitionPtr> outputs = model_.order;
    model_.order.clear();
    for (const Tensor& output : model_.outputs) {
      const std::optional<Tensor> mask = output.mask();
      model_.masks.push_back(mask ? mask->definition() : nullptr);
      if (mask) visit(mask->definition());
    }
    model_.mask_order = std::exchange(model_.order, std::move(outputs));
  }

  // Operands before users; a stack of our own, for networks may be deep.
  void visit(const DefinitionPtr& output) {
    std::vector<std::pair<DefinitionPtr, size_t>> stack{{output, 0}};
    while (!stack.empty()) {
      auto& [d, next] = stack.back();
      if (next == 0 && !enter(d)) {
        stack.pop_back();
      } else if (next < d->operation->operands.size()) {
        const DefinitionPtr operand = d->operation->operands[next++];
        if (operand && visited_.count(operand.get()) == 0) stack.emplace_back(operand, 0);
      } else {
        model_.order.push_back(d);
        stack.pop_back();
      }
    }
  }

  // Whether the definition has operands that must come first.
  bool enter(const DefinitionPtr& d) {
    if (!visited_.insert(d.get()).second) return false;
    if (d->operation) return !d->operation->operands.empty() || (model_.order.push_back(d), false);
    if (!d->variable && !d->constant && inputs_.count(d.get()) == 0)
      throw Error(cat("the outputs depend on the input of ", line_of(d->where), ", ", d->type,
                      ", that is not among the model's inputs"),
                  Fault::usage);
    return false;
  }

  // The layer that a result belongs to takes it as its output so far: the layer's first result stays, or the last
  // operation's.
  void add_to_layer(const DefinitionPtr& d) {
    const LayerCall* call = d->call.get();
    auto [it, is_new] = rows_.emplace(call, model_.layers.size());
    if (is_new) {
      BuiltLayer layer;
      layer.layer = call->layer;
      layer.name = name_of(call->layer);
      model_.layers.push_back(std::move(layer));
      calls_.push_back(call);
    }
    BuiltLayer& row = model_.layers[it->second];
    if (finished_.count(call) == 0) row.output = d->type;
    if (call->result == d.get()) finished_.insert(call);
    layer_names_[d.get()] = row.name;
    for (const DefinitionPtr& operand : d->operation->operands)
      if (operand && operand->variable) add_weight(row, operand->variable);
  }

  std::string name_of(const std::shared_ptr<LayerState>& layer) {
    auto [it, is_new] = state_names_.emplace(layer.get(), "");
    if (is_new) it->second = layer->name.empty() ? unique_name(snake_case(layer->type)) : layer->name;
    return it->second;
  }

  void add_weight(BuiltLayer& row, const std::shared_ptr<Variable>& variable) {
    if (!variables_.insert(variable.get()).second) return;
    BuiltWeight weight;
    weight.name = unique_name(cat(row.name, "/", variable->role));
    weight.owner = row.layer;
    weight.variable = variable;
    row.weights.push_back(model_.weights.size());
    model_.weights.push_back(std::move(weight));
  }

  void connect(BuiltLayer& layer) {
    const size_t index = static_cast<size_t>(&layer - model_.layers.data());
    for (const DefinitionPtr& input : calls_[index]->inputs) {
      const auto it = layer_names_.find(source_input(input).get());
      if (it != layer_names_.end()) layer.inputs.push_back(it->second);
    }
  }

  void name_outputs() {
    std::set<std::string> used(model_.input_names.begin(), model_.input_names.end());
    for (const Tensor& output : model_.outputs) {
      const auto it = layer_names_.find(output.definition().get());
      const std::string wanted = it == layer_names_.end() || used.count(it->second) != 0 ? "output" : it->second;
      std::string name = wanted;
      for (int i = 1; !used.insert(name).second; ++i) name = cat(wanted, "_", i);
      model_.output_names.push_back(name);
    }
  }

  ModelDefinition model_;
  std::set<std::string> names_;
  std::set<const Definition*> inputs_, visited_;
  std::set<const Variable*> variables_;
  std::map<const LayerState*, std::string> state_names_;
  std::map<const LayerCall*, size_t> rows_;
  std::set<const LayerCall*> finished_;  // whose first result has come
  std::map<const Definition*, std::string> layer_names_;
  std::vector<const LayerCall*> calls_;
};

// Makes the nodes of a definition in a graph.
class GraphBuilder {
 public:
  explicit GraphBuilder(const ModelDefinition& model) : model_(model), graph_(std::make_unique<Graph>("main")) {}

  std::unique_ptr<Graph> build(bool with_masks) {
    for (size_t i = 0; i < model_.inputs.size(); ++i) {
      const DefinitionPtr& d = model_.inputs[i].definition();
      values_[d.get()] = graph_->add_input(d->type, model_.input_names[i]);
    }
    for (const BuiltLayer& layer : model_.layers) names_[layer.layer.get()] = layer.name;
    for (const BuiltWeight& weight : model_.weights) {
      Value* value = graph_->constant(weight.variable->value);
      value->set_name(weight.name);
      weights_[weight.variable.get()] = value;
    }
    for (const DefinitionPtr& d : model_.order) add_node(*d);
    for (size_t i = 0; i < model_.outputs.size(); ++i)
      graph_->add_output(value_of(model_.outputs[i].definition()), model_.output_names[i]);
    if (with_masks) add_masks();
    return std::move(graph_);
  }

 private:
  void add_node(const Definition& d) {
    Node*& node = nodes_[d.operation.get()];
    if (node == nullptr) {
      std::vector<Value*> operands;
      for (const DefinitionPtr& operand : d.operation->operands)
        operands.push_back(operand ? value_of(operand) : nullptr);
      const auto layer = names_.find(d.call->layer.get());
      if (d.is_input_view) graph_->set_current_origins({operands[0]->name()});
      else if (layer != names_.end()) graph_->set_current_origins({layer->second});
      node = &add_operation(*graph_, d.operation->op, std::move(operands), d.operation->attributes, d.operation->results);
      graph_->set_current_origins({});
    }
    values_[&d] = node->output(d.result);
  }

  void add_masks() {
    for (const DefinitionPtr& d : model_.mask_order) add_node(*d);
    for (size_t i = 0; i < model_.masks.size(); ++i)
      if (model_.masks[i]) graph_->add_output(value_of(model_.masks[i]), model_.output_names[i] + "_mask");
  }

  Value* value_of(const DefinitionPtr& d) {
    if (d->variable && weights_.count(d->variable.get()) != 0) return weights_.at(d->variable.get());
    Value*& value = values_[d.get()];
    if (value == nullptr && d->constant) value = graph_->constant(*d->constant);
    if (value == nullptr && d->variable) value = graph_->constant(d->variable->value);  // of a mask alone
    CNNC_CHECK(value != nullptr) << "a definition is used before it is made";
    return value;
  }

  const ModelDefinition& model_;
  std::unique_ptr<Graph> graph_;
  std::map<const Operation*, Node*> nodes_;
  std::map<const Definition*, Value*> values_;
  std::map<const Variable*, Value*> weights_;
  std::map<const LayerState*, std::string> names_;
};

}  // namespace

bool BuiltWeight::is_trainable() const {
  const bool by_layer = variable->layer == nullptr || variable->layer->trainable;
  return !frozen && variable->trainable && by_layer && (owner == nullptr || owner->trainable);
}

ModelDefinition define_model(const Tensors& inputs, const Tensors& outputs) {
  return ModelBuilder(inputs, outputs).define();
}

std::unique_ptr<Graph> build_graph(const ModelDefinition& model) { return GraphBuilder(model).build(false); }

std::unique_ptr<Graph> build_graph_with_masks(const ModelDefinition& model) {
  for (const DefinitionPtr& mask : model.masks)
    if (mask) return GraphBuilder(model).build(true);
  return nullptr;
}

}  // namespace cnnc::dsl
