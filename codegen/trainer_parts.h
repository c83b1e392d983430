// The parts that a trainer is linked of.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "codegen/link.h"
#include "codegen/step_programs.h"
#include "runtime/training/training_loop.h"

namespace cnnc::codegen {

// The file of the model with its initial weights, which a trainer carries and writes anew.
struct ModelFile {
  std::string bytes;
  std::map<std::string, uint64_t> places;  // where in it the content of each trained tensor lies
};

// Compiles the steps of a trainer: for full batches, and where the model allows it for batches of any size and for
// evaluation.
class TrainerCompiler {
 public:
  // Throws Error.
  TrainerCompiler(const TrainedModel& model, const LoopOptions& loop, const BuildOptions& build);

  // The tensors of the model that are trained or follow the data, as they are before training.
  std::map<std::string, Tensor> parameters() const;
  // Why the trainer takes full batches only; "" when it takes others.
  const std::string& fixed_batch() const { return fixed_batch_; }
  // All parts; `file` has a place for each of the parameters.
  TrainerParts finish(const ModelFile& file);

 private:
  CompiledModel compiled(TrainingStep& step, int64_t largest_batch) const;
  Tensor record(const ModelFile& file) const;

  TrainingOptions options_;
  LoopOptions loop_;
  BuildOptions build_;
  TrainingStep training_, evaluation_;
  std::vector<std::pair<std::string, Type>> inputs_;
  std::string fixed_batch_;
  TrainerParts parts_;
};

// The labels for an output where no file tells their shape: class numbers for the last axis, or for the second one of
// images (rank 4 and more); else numbers like the output.
Type usual_labels(Loss loss, const Type& output);

}  // namespace cnnc::codegen
