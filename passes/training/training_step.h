// One step of training as one graph: forward pass, loss, backward pass and update.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/training/options.h"

namespace cnnc {

// Inputs: the model's, then labels and "sample_weights" (if asked for) of each objective but the
// first, "step" (i64) if anything is random, labels and weights of the first objective,
// "learning_rate", the optimiser's factors (step_factors()), "share" (the part of the batch that
// this process has) if several processes train, and the carried tensors. Outputs: the loss; for evaluation (and with keep_output) the outputs of all objectives, of several
// objectives also their losses, and the masks that there are, as f32; for training the carried tensors after the step, which update the
// inputs in place, in the same order. With a loss that is no finite number they stay as they are.
struct TrainingStep {
  // A tensor that one step hands to the next.
  struct Carried {
    std::string name;
    Type type;
    Tensor initial;     // without data: every element is `fill`
    bool is_parameter;  // belongs to the model (a weight or a running statistic)
    double fill = 0;

    Tensor at_start() const;
  };

  std::unique_ptr<Graph> graph;
  size_t model_inputs = 0;  // all before the step's number
  bool is_training = false;
  bool has_step_number = false, has_sample_weights = false, has_share = false;
  int32_t factors = 0;
  std::vector<Carried> carried;
  int64_t parameter_count = 0;  // elements of trained tensors
  Type labels, output;  // of the first objective
  std::vector<Type> kept;  // results between the loss and the carried tensors
};

// `initializers`: names of the model's constants that training may change. `given_labels`: type of
// the labels for as many samples as the model's input has. Throws Error.
TrainingStep training_step(std::unique_ptr<Graph> model, const std::set<std::string>& initializers,
                           const Type& given_labels, const TrainingOptions& options);
// Loss and output of the model as it is used. It carries what a training step carries first: the
// parameters, in the same order, but no optimiser state.
TrainingStep evaluation_step(std::unique_ptr<Graph> model,
                             const std::set<std::string>& initializers, const Type& given_labels,
                             const TrainingOptions& options);

// The same for a sum of losses, each of an output of its own, instead of options.loss.
TrainingStep training_step(std::unique_ptr<Graph> model, const std::set<std::string>& initializers,
                           const std::vector<Objective>& objectives, const TrainingOptions& options);
TrainingStep evaluation_step(std::unique_ptr<Graph> model,
                             const std::set<std::string>& initializers,
                             const std::vector<Objective>& objectives,
                             const TrainingOptions& options);

}  // namespace cnnc
