// The samples of a compiled trainer, read from files.
#ifndef RUNTIME_TRAINING_TRAINER_DATA_H_
#define RUNTIME_TRAINING_TRAINER_DATA_H_

#include "runtime/exit_code.h"
#include "runtime/host_tensor.h"
#include "runtime/training/sample_tensor.h"
#include "runtime/training/trainer.h"
#include "runtime/training/trainer_arguments.h"

namespace cnnc {

class TrainerData {
 public:
  // Reads the files and checks that they fit the model and each other.
  ExitCode load(const TrainerRecord& record, const TrainerArguments& arguments, ErrorText* error);
  const Samples& samples() const { return samples_; }

 private:
  ExitCode load_input(const TrainerRecord& record, int32_t index, const char* files,
                      ErrorText* error);
  ExitCode load_labels(const TrainerRecord& record, const char* file, ErrorText* error);
  ExitCode load_weights(bool wanted, const char* file, ErrorText* error);

  SampleTensor inputs_[Samples::kMostInputs];
  HostTensor labels_, weights_;
  Samples samples_;
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_TRAINER_DATA_H_
