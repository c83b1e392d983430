// Loss and accuracy of a model on samples.
#ifndef RUNTIME_TRAINING_EVALUATION_H_
#define RUNTIME_TRAINING_EVALUATION_H_

#include "runtime/exit_code.h"
#include "runtime/training/batches.h"
#include "runtime/training/training_loop.h"

namespace cnnc {

// When a prediction is right.
enum class Accuracy : int32_t {
  none,
  sparse,      // labels number the classes of the output's axis
  categorical, // the greatest label of the axis is the class
  binary       // on the same side of a threshold as the label of 1/2
};

struct AccuracyRule {
  Accuracy kind = Accuracy::none;
  int32_t axis = 0;
  int64_t classes = 0; // sparse: labels are below
  double threshold = 0;
};

struct Evaluation {
  double loss = 0;
  double accuracy = -1; // -1: not a classification
  double seconds = 0;
};

// Whether every label is a class, where labels number classes.
bool check_labels(const cnnc_tensor_view& labels, const AccuracyRule& rule, ErrorText* error);

// The mean over the samples; `carried` are the addresses of the tensors that the programs carry.
ExitCode evaluate(const Samples& samples, int64_t batch_size, const AccuracyRule& rule,
                  StepSource source, void* const* carried, Evaluation* result, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_TRAINING_EVALUATION_H_
