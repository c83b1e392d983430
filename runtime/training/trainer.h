// A compiled trainer: an executable that trains one model on samples in files.
#ifndef RUNTIME_TRAINING_TRAINER_H_
#define RUNTIME_TRAINING_TRAINER_H_

#include <stdint.h>

#include "runtime/model.h"
#include "runtime/training/evaluation.h"
#include "runtime/training/step_runner.h"
#include "runtime/training/training_loop.h"

namespace cnnc {

// What `cnnc compile --train` says about the training, beside the programs. One block of memory:
// this struct, then what it refers to by offsets from its start. The compiler and the runtime that
// are linked together are of one version, so the layout is the struct's.
struct TrainerRecord {
  struct Type {
    uint64_t name; // offset of a text
    int32_t dtype, rank;
    int64_t dims[CNNC_MAX_RANK]; // the first is the batch's
  };
  // A tensor that steps carry along.
  struct Carried {
    Type type;
    CarriedRole role;
    uint64_t initial; // offset in the model file; kNoOffset: every element is `fill`
    double fill;
  };
  static constexpr uint64_t kNoOffset = ~uint64_t{0};

  uint64_t model, model_bytes; // the ONNX file, with the initial weights
  LoopOptions loop;            // batch size, learning rate and so on; the command line may differ
  StepLayout training, evaluation;
  AccuracyRule accuracy;
  int64_t parameter_count;
  int32_t input_count;
  Type inputs[Samples::kMostInputs], labels;
  uint64_t carried, carried_count;
  uint64_t max_bytes;   // limit of a program's working memory besides the weights; 0: none
  uint64_t settings;    // text: what checkpoints say of the step (runtime/training/checkpoint.h)
  uint64_t fixed_batch; // text: why other batches than full ones cannot be trained on, or ""

  const char* text(uint64_t offset) const { return reinterpret_cast<const char*>(this) + offset; }
};

struct TrainerModels {
  const struct cnnc_model* training;      // full batches
  const struct cnnc_model* other_batches; // any size; NULL when the model has a size of its own
  const struct cnnc_model* evaluation;    // likewise
};

// Trains as the arguments say and returns the process's exit code (runtime/exit_code.h).
int trainer_main(const TrainerRecord& record, const TrainerModels& models, int argc, char** argv);

} // namespace cnnc

#endif // RUNTIME_TRAINING_TRAINER_H_
