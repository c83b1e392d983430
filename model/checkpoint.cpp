// Checkpoints of the DSL's models, in the form that the runtime has for all training.
#include "runtime/training/checkpoint.h"

#include "cnnc/model.h"
#include "codegen/jit.h"
#include "ir/error.h"
#include "model/model_state.h"
#include "model/training_state.h"
#include "passes/training/optimizer.h"
#include "passes/training/settings.h"

namespace cnnc::dsl {

static CarriedTensor carried(const std::string& name, CarriedRole role, const cnnc::Tensor& tensor) {
  return {name.c_str(), role, codegen::view_of(tensor)};
}

static cnnc::Tensor copy_of(const CarriedTensor& tensor) {
  const cnnc_tensor_view& view = tensor.view;
  cnnc::Tensor copy(static_cast<DType>(view.dtype), cnnc::Shape(view.dims, view.dims + view.rank));
  std::copy_n(static_cast<const char*>(view.data), view.bytes, static_cast<char*>(copy.mutable_raw()));
  return copy;
}

// What a step of fit computes; nothing before compile().
static std::string settings(const ModelState& model) {
  if (!model.training) return "";
  std::string text = settings_of(model.training->optimizer);
  for (const Target& target : model.training->targets) text += settings_of(target.loss);
  return text;
}

void Model::save_checkpoint(const std::string& path) const {
  std::vector<CarriedTensor> tensors;
  for (const BuiltWeight& weight : state_->weights)
    tensors.push_back(carried(weight.name, CarriedRole::parameter, weight.variable->value));
  TrainingPosition position;
  if (const TrainingState* training = state_->training.get()) {
    position.step = training->step;
    position.epoch = training->epoch;
    for (const auto& [name, tensor] : training->optimizer_state)
      tensors.push_back(carried(name, CarriedRole::optimizer, tensor));
  }
  ErrorText error;
  if (!write_checkpoint(path.c_str(), position, settings(*state_).c_str(), tensors.data(), tensors.size(), &error))
    throw Error(error.text, Fault::file);
}

// What the optimizer keeps of the weights, which must be what the model's own one would keep: else training would go on
// from nothing, and nobody would know.
static std::map<std::string, cnnc::Tensor> optimizer_state(const ModelState& model, const OptimizerOptions& optimizer,
                                                           const Checkpoint& checkpoint) {
  std::map<std::string, cnnc::Tensor> states, wanted;
  for (const UpdateRule::State& state : update_rule(optimizer, DType::f32).states)
    for (const BuiltWeight& weight : model.weights)
      wanted[cat(weight.name, "/", state.name)] = weight.variable->value;
  for (const CarriedTensor& tensor : checkpoint.tensors()) {
    if (tensor.role != CarriedRole::optimizer) continue;
    const auto it = wanted.find(tensor.name);
    states[tensor.name] = copy_of(tensor);
    if (it == wanted.end() || it->second.shape() != states[tensor.name].shape())
      throw Error(cat(quoted(checkpoint.path()), " holds ", quoted(tensor.name),
                      ", which this model's optimizer has not: compile() with the optimizer that wrote it"),
                  Fault::usage);
  }
  if (states.empty() && !wanted.empty() && checkpoint.position().step > 0)
    throw Error(cat(quoted(checkpoint.path()), " holds no ", quoted(wanted.begin()->first),
                    ", which this model's optimizer needs: compile() with the optimizer that wrote it"),
                Fault::usage);
  return states;
}

void Model::load_checkpoint(const std::string& path) {
  Checkpoint checkpoint;
  ErrorText error;
  if (!checkpoint.read(path.c_str(), &error)) throw Error(error.text, Fault::file);
  std::vector<cnnc::Tensor> weights;
  for (const BuiltWeight& weight : state_->weights) {
    const CarriedTensor wanted = carried(weight.name, CarriedRole::parameter, weight.variable->value);
    const CarriedTensor* found = checkpoint.find(wanted, &error);
    if (found == nullptr) throw Error(error.text, Fault::file);
    weights.push_back(copy_of(*found));
  }
  std::map<std::string, cnnc::Tensor> states;
  if (state_->training) {
    states = optimizer_state(*state_, state_->training->optimizer, checkpoint);
    const bool goes_on = checkpoint.position().step > 0;
    if (goes_on && !checkpoint.has_settings(settings(*state_).c_str(), &error)) throw Error(error.text, Fault::usage);
  }
  for (size_t i = 0; i < weights.size(); ++i) state_->weights[i].variable->value = std::move(weights[i]);
  if (!state_->training) return;
  state_->training->step = checkpoint.position().step;
  state_->training->epoch = checkpoint.position().epoch;
  state_->training->optimizer_state = std::move(states);
}

}  // namespace cnnc::dsl
