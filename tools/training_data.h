// The samples of cnnc train and cnnc eval: files, what they hold, and the model that fits them.
#pragma once
#include <string>
#include <vector>

#include "codegen/trainer.h"
#include "runtime/training/sample_tensor.h"
#include "tools/options.h"

namespace cnnc::tools {

// "a,b" and "c" are a, b and c.
std::vector<std::string> words_of(const std::vector<std::string>& lists);

// Which files, as the command line has them.
struct DataFiles {
  std::vector<std::string> inputs;  // "x.npy", or "NAME=x.npy" for each input
  std::string labels, sample_weights;
  std::vector<std::string> class_weights;  // "CLASS:WEIGHT"

  bool has_weights() const { return !sample_weights.empty() || !class_weights.empty(); }
};

// Samples in the order of the model's inputs; those of large files stay there.
class TrainingData {
 public:
  // Reads the files and checks that they belong together. Throws Error.
  TrainingData(const DataFiles& files, const std::string& model);

  const Samples& samples() const { return samples_; }
  const std::vector<Type>& input_types() const { return types_; }
  const std::vector<std::string>& input_names() const { return names_; }
  Type label_type() const { return type_of(labels_); }

 private:
  void read_inputs(const DataFiles& files, const std::string& model);
  void read_weights(const DataFiles& files);

  std::vector<std::string> names_;
  std::vector<Type> types_;
  SampleTensor inputs_[Samples::kMostInputs];
  Tensor labels_, weights_;
  Samples samples_;
};

}  // namespace cnnc::tools
