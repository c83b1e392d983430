#include "tools/training_data.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "runtime/training/sample_weights.h"
#include "tools/tensors.h"

namespace cnnc::tools {

std::vector<std::string> words_of(const std::vector<std::string>& lists) {
  std::vector<std::string> words;
  for (const std::string& list : lists) {
    for (size_t at = 0; at <= list.size();) {
      const size_t end = std::min(list.find(',', at), list.size());
      if (end > at) words.push_back(list.substr(at, end - at));
      at = end + 1;
    }
  }
  return words;
}

static double number_named(const std::string& text, const std::string& option) {
  size_t end = 0;
  double value = 0;
  try {
    value = std::stod(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end == 0 || end != text.size())
    throw Error(cat(option, ": ", quoted(text), " is no number"), Fault::usage);
  return value;
}

static std::vector<ClassWeight> classes_named(const std::vector<std::string>& lists) {
  std::vector<ClassWeight> classes;
  for (const std::string& word : words_of(lists)) {
    const size_t colon = word.find(':');
    if (colon == std::string::npos)
      throw Error(cat("--class-weight ", quoted(word), " is not of the form CLASS:WEIGHT"), Fault::usage);
    const double label = number_named(word.substr(0, colon), "--class-weight");
    const double weight = number_named(word.substr(colon + 1), "--class-weight");
    if (label < 0 || label != std::floor(label) || !(weight >= 0) || std::isinf(weight))
      throw Error(cat("--class-weight ", quoted(word), ": need the number of a class, and a weight of 0 or more"), Fault::usage);
    classes.push_back({static_cast<int64_t>(label), weight});
  }
  return classes;
}

static std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + quoted(name);
  return text;
}

// The file of each input. One file without a name is for a model with one input.
static std::vector<std::string> files_of_inputs(const std::vector<std::string>& given,
                                                const std::vector<std::string>& names, const std::string& model) {
  std::vector<std::string> files(names.size());
  for (const std::string& word : given) {
    const size_t equals = word.find('=');
    const auto at = std::find(names.begin(), names.end(), word.substr(0, equals));
    if (equals != std::string::npos && at != names.end()) {
      std::string& file = files[static_cast<size_t>(at - names.begin())];
      if (!file.empty()) throw Error(cat("--data gives input ", quoted(*at), " twice"), Fault::usage);
      file = word.substr(equals + 1);
    } else if (names.size() == 1 && given.size() == 1 && (equals == std::string::npos || std::filesystem::exists(word))) {
      files[0] = word;
    } else {
      throw Error(cat("--data ", quoted(word), ": the inputs of ", model, " are ", list_of(names),
                      "; need NAME=FILE for each"),
                  Fault::usage);
    }
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (files[i].empty())
      throw Error(cat("--data gives no file for input ", quoted(names[i]), " of ", model), Fault::usage);
  return files;
}

void TrainingData::read_inputs(const DataFiles& files, const std::string& model) {
  names_ = onnx_input_names(model);
  if (names_.empty()) throw Error(cat(model, ": the model has no inputs"), Fault::model);
  if (names_.size() > Samples::kMostInputs)
    throw Error(cat(model, ": the model has ", names_.size(), " inputs; training takes at most ",
                    int{Samples::kMostInputs}),
                Fault::model);
  for (const std::string& path : files_of_inputs(words_of(files.inputs), names_, model)) {
    const size_t i = types_.size();
    ErrorText error;
    if (!inputs_[i].load(path.c_str(), &error)) throw Error(error.text, Fault::file);
    samples_.inputs[i] = inputs_[i].view();
    samples_.names[i] = names_[i].c_str();
    samples_.files[i] = inputs_[i].file();
    types_.push_back(type_in_file(samples_.inputs[i], path));
  }
  samples_.input_count = static_cast<int32_t>(types_.size());
}

void TrainingData::read_weights(const DataFiles& files) {
  if (!files.sample_weights.empty()) {
    weights_ = read_tensor(files.sample_weights);
    if (weights_.dtype() != DType::f32 || weights_.shape().size() != 1)
      throw Error(cat(files.sample_weights, ": the sample weights are ", type_of(weights_),
                      ", need one f32 number for each sample"),
                  Fault::usage);
  } else if (files.has_weights()) {
    weights_ = Tensor(DType::f32, {samples_.count()});
    std::fill_n(weights_.mutable_data<float>(), samples_.count(), 1.0f);
  } else {
    return;
  }
  samples_.weights = codegen::view_of(weights_);
}

TrainingData::TrainingData(const DataFiles& files, const std::string& model) {
  read_inputs(files, model);
  labels_ = read_tensor(files.labels);
  samples_.labels = codegen::view_of(labels_);
  ErrorText error;
  const auto check = [&] {
    if (!check_rows(samples_, &error)) throw Error(error.text, Fault::usage);
  };
  check();
  read_weights(files);
  check();
  const std::vector<ClassWeight> classes = classes_named(files.class_weights);
  if (classes.empty()) return;
  for (const ClassWeight& c : classes)
    if (!weigh_by_class(samples_.labels, c, weights_.mutable_data<float>()))
      std::fprintf(stderr, "warning: --class-weight: no label is of class %lld\n", static_cast<long long>(c.label));
  samples_.weights = codegen::view_of(weights_);
}

}  // namespace cnnc::tools
