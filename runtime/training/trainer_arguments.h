// The command line of a compiled trainer.
#ifndef RUNTIME_TRAINING_TRAINER_ARGUMENTS_H_
#define RUNTIME_TRAINING_TRAINER_ARGUMENTS_H_

#include <stdint.h>

#include "runtime/error_text.h"
#include "runtime/training/training_run.h"

namespace cnnc {

struct TrainerArguments {
  bool help = false, version = false, no_shuffle = false;
  const char *data = nullptr, *labels = nullptr, *sample_weights = nullptr;
  const char *output = nullptr, *resume = nullptr, *schedule = nullptr;
  int64_t threads = 0, batch_size = 0, seed = -1;
  double validation_split = 0, learning_rate = -1;
  bool skips_bad_steps = false;
  RunOptions run;

  // False with a message when the arguments are wrong.
  bool parse(int argc, char** argv, ErrorText* error);
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_TRAINER_ARGUMENTS_H_
