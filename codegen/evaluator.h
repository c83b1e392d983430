// Loss and accuracy of a model on a data set.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "codegen/dataset.h"
#include "codegen/step_program.h"

namespace cnnc::codegen {

// The model for batches of this size.
using ModelSource = std::function<std::unique_ptr<Graph>(int64_t batch_size)>;

struct Evaluation {
  double loss = 0;
  double accuracy = -1;  // -1: not a classification
  double seconds = 0;
};

class Evaluator {
 public:
  // `initializers` are the model's tensors that run() may replace.
  Evaluator(ModelSource model, std::set<std::string> initializers, const TrainingOptions& options,
            const BuildOptions& build, int threads)
      : model_(std::move(model)),
        initializers_(std::move(initializers)),
        options_(options),
        build_(build),
        threads_(threads) {}

  // The mean over the samples, with these tensors in the place of the model's.
  Evaluation run(const Dataset& data, int64_t batch_size,
                 const std::map<std::string, Tensor>& weights = {});

 private:
  StepProgram& program(const Dataset& data, int64_t batch_size);

  ModelSource model_;
  std::set<std::string> initializers_;
  TrainingOptions options_;
  BuildOptions build_;
  int threads_;
  std::map<int64_t, std::unique_ptr<StepProgram>> programs_;
};

// Throws Error (Fault::usage) when a label is no class of the model.
void check_labels(const Dataset& data, const LossOptions& options, const TrainingStep& step);
// The type of the labels of a batch.
Type label_rows(const Dataset& data, int64_t batch_size);

}  // namespace cnnc::codegen
