// Training from batch to batch: shuffling, the numbers of each step, checkpoints. The programs come
// from whoever makes this loop: compiled in this process, or linked into an executable.
#ifndef RUNTIME_TRAINING_TRAINING_LOOP_H_
#define RUNTIME_TRAINING_TRAINING_LOOP_H_

#include <stdint.h>

#include "runtime/array.h"
#include "runtime/exit_code.h"
#include "runtime/memory_block.h"
#include "runtime/training/batches.h"
#include "runtime/training/checkpoint.h"
#include "runtime/training/learning_rate.h"
#include "runtime/training/step_runner.h"

namespace cnnc {

// A tensor at the start of training.
struct InitialTensor {
  CarriedTensor tensor; // view.data is NULL when every element is `fill`
  double fill = 0;      // another number than 0 for f32 and f64 only
};

// Gives the runner of the program for batches of a size; NULL with a message on failure.
struct StepSource {
  void* context = nullptr;
  StepRunner* (*runner)(void* context, int64_t batch_size, ErrorText* error) = nullptr;

  StepRunner* operator()(int64_t batch_size, ErrorText* error) const {
    return runner(context, batch_size, error);
  }
};

struct LoopOptions {
  int64_t batch_size = 32;
  uint64_t seed = 0;
  bool shuffle = true;
  bool skips_bad_steps = false; // when the loss is no number; else that ends the training
  LearningRate learning_rate;
  StepFactors factors;
  Shard shard; // of every batch, where several processes train
};

class TrainingLoop {
 public:
  // `samples` and `settings` must outlive this; the settings are those of checkpoints.
  ExitCode create(const Samples* samples, const LoopOptions& options, StepSource source,
                  const char* settings, const InitialTensor* initial, size_t count, ErrorText* error);

  const TrainingPosition& position() const { return position_; }
  bool epoch_is_done() const { return position_.batch == batches_.count(); }

  // Trains on the next batch. A step whose loss is no number leaves the tensors as they were.
  ExitCode step(ErrorText* error);
  // Goes on to the next epoch.
  void end_epoch();
  // The mean loss over the samples of the epoch under way, while the weights moved.
  double epoch_loss() const;

  ExitCode save(const char* path, ErrorText* error);
  // Stands where the checkpoint was written afterwards; or unchanged, with a message, when it is of
  // another training.
  ExitCode resume(const Checkpoint& checkpoint, ErrorText* error);

  // The carried tensors as they are now, and their addresses.
  const Array<CarriedTensor>& tensors();
  void* const* addresses() const { return addresses_.data(); }

 private:
  bool allocate(const InitialTensor* initial, size_t count, ErrorText* error);
  ExitCode take_order(ErrorText* error);
  StepNumbers numbers() const;
  ExitCode bad_loss(float loss, ErrorText* error);
  bool is_same_training(const Checkpoint& checkpoint, ErrorText* error) const;

  LoopOptions options_;
  StepSource source_;
  const char* settings_ = "";
  Batches batches_;
  TrainingPosition position_;
  int64_t ordered_epoch_ = -1; // that the order of the rows is for
  Array<CarriedTensor> tensors_;
  MemoryBlock memory_; // of the carried tensors
  Array<void*> addresses_;
};

// What random numbers of a step count from: other ones for every seed.
int64_t random_counter(uint64_t seed, int64_t step);

} // namespace cnnc

#endif // RUNTIME_TRAINING_TRAINING_LOOP_H_
