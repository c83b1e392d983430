// Epochs of training with what is reported and kept of them: the part that `cnnc train` and compiled
// trainers share.
#ifndef RUNTIME_TRAINING_TRAINING_RUN_H_
#define RUNTIME_TRAINING_TRAINING_RUN_H_

#include <stdint.h>

#include "runtime/training/evaluation.h"
#include "runtime/training/training_loop.h"

namespace cnnc {

struct RunOptions {
  // Counted from the start of training, also after a checkpoint: `steps` instead of `epochs` when
  // it is not negative.
  int64_t epochs = 1, steps = -1;
  bool json = false;
  bool quiet = false; // nothing on standard output
  const char* checkpoint = nullptr;  // file to write, or NULL
  int64_t checkpoint_every = 0;      // steps; 0: at the end of each epoch. And always at the end
};

// Held-out samples, evaluated after each epoch; no samples: none.
struct Validation {
  const Samples* samples = nullptr;
  AccuracyRule rule;
  StepSource source;
};

// One line on standard output for the start, each epoch and the end: for programs or people.
ExitCode run_training(TrainingLoop* loop, const RunOptions& options, const Validation& validation,
                      ErrorText* error);
void report_start(bool json, double compile_seconds, int64_t parameters);
void report_end(bool json);
void report_evaluation(bool json, const Evaluation& evaluation);

// Keras's rule for a part of the samples, the last ones, that is held out: the first
// floor(n (1 - split)) train. Splits `all`; false with a message when a part would be empty.
bool split_samples(const Samples& all, double split, Samples* training, Samples* validation,
                   ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_TRAINING_TRAINING_RUN_H_
