// Layer: a function with weights that are made at its first call.
#include <algorithm>
#include <cstdio>

#include "frontend/dsl/definition.h"
#include "frontend/dsl/initializers.h"
#include "frontend/dsl/masks.h"
#include "ir/error.h"

namespace cnnc::dsl {

Layer::Layer(std::string type, ManyFunction function, Location where) : state_(std::make_shared<LayerState>()) {
  state_->type = std::move(type);
  state_->function = std::move(function);
  state_->where = where;
}

Layer::Layer(std::string type, Function function, Location where)
    : Layer(std::move(type), ManyFunction([f = std::move(function)](LayerScope& scope, const Tensors& x) -> Tensors {
              return {f(scope, x)};
            }),
            where) {}

static Tensor only_one(const LayerState& layer, const Tensors& x) {
  if (x.size() != 1)
    throw Error(cat(layer.description(), ": takes one tensor, was given ", x.size()), Fault::usage);
  return x[0];
}

Layer::Layer(std::string type, std::function<Tensor(const Tensor&)> function, Location where)
    : Layer(std::move(type), ManyFunction(), where) {
  state_->function = [state = state_.get(), f = std::move(function)](LayerScope&, const Tensors& x) -> Tensors {
    return {f(only_one(*state, x))};
  };
}

// The layer's last operation may be the input itself (Activation linear): an Identity then stands for the layer.
static Tensor result_of(const Tensor& y, const Tensors& x) {
  for (const Tensor& input : x)
    if (y.definition() == input.definition()) return record("Identity", {y}, {}, {});
  return y;
}

static void warn_of_lost_mask(LayerState& layer) {
  if (layer.warned_of_mask) return;
  layer.warned_of_mask = true;
  std::fprintf(stderr, "warning: %s does not heed masks: from here on masked steps count like all others\n",
               layer.description().c_str());
}

static void give_masks(LayerState& layer, const Tensors& x, Tensors& results) {
  if (layer.masks == LayerState::Masks::decided || !any_masked(x)) return;
  if (layer.masks == LayerState::Masks::end) {
    if (!any_masked(results)) warn_of_lost_mask(layer);
    return;
  }
  const std::optional<Tensor> mask = mask_of_all(x, {});
  for (Tensor& y : results)
    if (!y.mask() && y.rank() > 1) y = masked(y, mask);
}

Tensor Layer::call(const Tensors& x) const {
  const Tensors results = outputs(x);
  if (results.size() != 1)
    throw Error(cat(state_->description(), ": gives ", results.size(), " tensors; take them by outputs()"), Fault::usage);
  return results[0];
}

Tensors Layer::outputs(const Tensors& x) const {
  CallScope scope(state_, x);
  LayerScope weights(*state_);
  const size_t known = state_->variables.size();
  try {
    Tensors results = state_->function(weights, x);
    if (results.empty()) throw Error("gives no tensor", Fault::usage);
    for (Tensor& y : results) y = result_of(y, x);
    scope.set_result(results[0]);
    give_masks(*state_, x, results);
    return results;
  } catch (Error& e) {
    state_->variables.resize(known);  // a call that fails leaves no weights behind
    if (e.message().rfind("layer ", 0) == 0) throw;
    throw Error(state_->description() + ": " + e.message(), Fault::usage);
  }
}

Layer& Layer::named(std::string name) {
  if (name.empty()) throw Error(state_->description() + ": a name must not be empty", Fault::usage);
  state_->name = std::move(name);
  return *this;
}

Layer& Layer::trainable(bool value) {
  state_->trainable = value;
  return *this;
}

Layer& Layer::supports_masking(bool value) {
  state_->masks = value ? LayerState::Masks::go_on : LayerState::Masks::end;
  return *this;
}

bool Layer::is_trainable() const { return state_->trainable; }
std::string Layer::name() const { return state_->name; }
std::string Layer::type() const { return state_->type; }

Arrays Layer::weights() const {
  Arrays values;
  for (const auto& variable : state_->variables) values.push_back(array_of(variable->value));
  return values;
}

void Layer::set_weights(const Arrays& values) const {
  const auto& variables = state_->variables;
  if (values.size() != variables.size())
    throw Error(cat(state_->description(), ": has ", variables.size(), " weights, was given ", values.size()),
                Fault::usage);
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].type() != type_of(variables[i]->value).str())
      throw Error(cat(state_->description(), ": weight '", variables[i]->role, "' is ", type_of(variables[i]->value),
                      ", was given ", values[i].type()),
                  Fault::usage);
  for (size_t i = 0; i < values.size(); ++i) variables[i]->value = values[i].storage().tensor;
}

Tensor weight_tensor(std::shared_ptr<Variable> variable) {
  auto definition = std::make_shared<Definition>();
  definition->type = type_of(variable->value);
  definition->variable = std::move(variable);
  return Tensor(std::move(definition));
}

static std::string f32_type(const Shape& shape) { return Type{DType::f32, to_dims(shape)}.str(); }

static void require_sizes(const LayerState& layer, const std::string& name, const Shape& shape) {
  for (const int64_t size : shape)
    if (size <= 0)
      throw Error(cat(layer.description(), ": the shape of weight '", name, "' is ", f32_type(shape),
                      ", need sizes that are known and positive"),
                  Fault::usage);
}

// The weight of that name, or null before the layer's first call.
static std::shared_ptr<Variable> existing(const LayerState& layer, const std::string& name, const Shape& shape) {
  for (const auto& variable : layer.variables) {
    if (variable->role != name) continue;
    if (variable->value.shape() != shape)
      throw Error(cat(layer.description(), ": weight '", name, "' was made as ", type_of(variable->value),
                      ", this call needs ", f32_type(shape)),
                  Fault::usage);
    return variable;
  }
  return nullptr;
}

static Tensor new_weight(LayerState& layer, const std::string& name, cnnc::Tensor value,
                         const Regularizer& regularizer, bool trainable) {
  auto variable = std::make_shared<Variable>();
  *variable = {name, &layer, std::move(value), regularizer, trainable};
  layer.variables.push_back(variable);
  return weight_tensor(variable);
}

LayerScope LayerScope::part(const std::string& prefix) const {
  LayerScope scope(state_);
  scope.prefix_ = prefix_ + prefix;
  return scope;
}

bool LayerScope::has(const std::string& name) const {
  return std::any_of(state_.variables.begin(), state_.variables.end(),
                     [&](const auto& variable) { return variable->role == prefix_ + name; });
}

Tensor LayerScope::weight(const std::string& name, Shape shape, const Initializer& initializer,
                          const Regularizer& regularizer, bool trainable) {
  require_sizes(state_, prefix_ + name, shape);
  if (auto variable = existing(state_, prefix_ + name, shape)) return weight_tensor(std::move(variable));
  return new_weight(state_, prefix_ + name, initial_values(initializer, shape), regularizer, trainable);
}

Tensor LayerScope::weight(const std::string& name, const Array& first, const Regularizer& regularizer,
                          bool trainable) {
  if (auto variable = existing(state_, prefix_ + name, first.shape())) return weight_tensor(std::move(variable));
  return new_weight(state_, prefix_ + name, first.to_float().storage().tensor, regularizer, trainable);
}

}  // namespace cnnc::dsl
