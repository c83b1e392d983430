#include "tools/training_options.h"

#include "ir/error.h"
#include "tools/model.h"
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

// ---- data --------------------------------------------------------------------------------------

void DataFlags::add_to(CLI::App& app) {
  app.add_option("MODEL", model, "an ONNX file with one input and one output")->required();
  app.add_option("--data", samples, "the samples, .npy")->required()->type_name("FILE");
  app.add_option("--labels", labels, "the labels, .npy")->required()->type_name("FILE");
  app.add_option("--loss", loss, "sparse_categorical_crossentropy, mse, ...")->required();
  app.add_flag("--from-probabilities", from_probabilities, "the output is probabilities, not logits");
  app.add_option("--label-smoothing", label_smoothing, "s: labels y become y (1 - s) + s / classes")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--sample-weights", sample_weights, "a weight for each sample, .npy")->type_name("FILE");
  app.add_option("--class-weight", class_weights, "CLASS:WEIGHT,...")->allow_extra_args(false);
  app.add_option("--l1", l1, "adds L1 sum |w| of the weights to the loss")->check(CLI::NonNegativeNumber);
  app.add_option("--l2", l2, "adds L2 sum w^2 of the weights to the loss")->check(CLI::NonNegativeNumber);
  app.add_option("--batch-size", batch_size, "samples in a step")
      ->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", threads, "threads in all; default: what this process may use")
      ->check(CLI::PositiveNumber)->type_name("N");
  app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("-q,--quiet", quiet, "no warnings");
  build.add_to(app);
}

LossOptions DataFlags::loss_options() const {
  return {loss_named(loss), from_probabilities, label_smoothing};
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

static std::vector<std::pair<int64_t, double>> classes_named(const std::vector<std::string>& lists) {
  std::vector<std::pair<int64_t, double>> classes;
  for (const std::string& word : words_of(lists)) {
    const size_t colon = word.find(':');
    if (colon == std::string::npos)
      throw Error(cat("--class-weight ", quoted(word), " is not of the form CLASS:WEIGHT"), Fault::usage);
    classes.emplace_back(static_cast<int64_t>(number_named(word.substr(0, colon), "--class-weight")),
                         number_named(word.substr(colon + 1), "--class-weight"));
  }
  return classes;
}

codegen::Dataset DataFlags::dataset() const {
  codegen::Dataset data{read_tensor(samples), read_tensor(labels), std::nullopt};
  if (!sample_weights.empty()) data.weights = read_tensor(sample_weights);
  codegen::check_rows(data);
  if (data.weights && (data.weights->dtype() != DType::f32 || data.weights->shape().size() != 1))
    throw Error(cat(sample_weights, ": the sample weights are ", type_of(*data.weights),
                    ", need one f32 number for each sample"),
                Fault::usage);
  if (!class_weights.empty()) data.weights = codegen::weighted_by_class(data, classes_named(class_weights));
  return data;
}

codegen::ModelSource DataFlags::model_source(const codegen::Dataset& data) const {
  const std::vector<std::string> inputs = onnx_input_names(model);
  if (inputs.size() != 1)
    throw Error(cat(model, ": the model has ", inputs.size(), " inputs; training takes one"), Fault::usage);
  const auto check = [path = samples, type = type_of(data.samples)](const Graph& graph) {
    const Type& need = graph.inputs()[0]->type();
    if (need.dtype != type.dtype)
      throw Error(cat(path, ": the data are ", type, " but the model's input is ", need), Fault::usage);
  };
  Shape shape = data.samples.shape();
  return [path = model, input = inputs[0], shape, check, quiet = quiet](int64_t batch_size) mutable {
    ImportOptions options;
    shape[0] = batch_size;
    options.shapes[input] = shape;
    if (!quiet) options.warn = [](const std::string& line) { std::fprintf(stderr, "warning: %s\n", line.c_str()); };
    std::unique_ptr<Graph> graph = import_onnx_file(path, options);
    check(*graph);
    quiet = true;
    return graph;
  };
}

// ---- the optimiser -----------------------------------------------------------------------------

void OptimizerFlags::add_to(CLI::App& app) {
  app.add_option("--optimizer", optimizer, "sgd, adam, adamw, rmsprop, adagrad or lion")->capture_default_str();
  app.add_option("--lr", lr, "the learning rate");
  app.add_option("--lr-schedule", schedule, "exponential|cosine|inverse_time|piecewise,KEY=VALUE,...");
  app.add_option("--momentum", momentum, "of sgd and rmsprop");
  app.add_flag("--nesterov", nesterov, "sgd: Nesterov's momentum");
  app.add_option("--beta1", beta1, "of adam, adamw and lion");
  app.add_option("--beta2", beta2, "of adam, adamw and lion");
  app.add_option("--epsilon", epsilon, "keeps divisors from being 0");
  app.add_option("--rho", rho, "of rmsprop");
  app.add_flag("--centered", centered, "rmsprop: by the variance of the gradients");
  app.add_option("--initial-accumulator", initial_accumulator, "of adagrad");
  app.add_option("--weight-decay", weight_decay, "decoupled: w -= lr d w before each step");
  app.add_option("--clipnorm", clip_norm, "limit of each gradient's norm");
  app.add_option("--global-clipnorm", global_clip_norm, "limit of the norm of all gradients");
  app.add_option("--clipvalue", clip_value, "limit of each element of the gradients");
}

OptimizerOptions OptimizerFlags::options() const {
  OptimizerOptions o = OptimizerOptions::of(optimizer_named(optimizer));
  const auto set = [](double& value, const std::optional<double>& given) {
    if (given) value = *given;
  };
  set(o.learning_rate, lr);
  set(o.momentum, momentum);
  set(o.beta1, beta1);
  set(o.beta2, beta2);
  set(o.epsilon, epsilon);
  set(o.rho, rho);
  set(o.initial_accumulator, initial_accumulator);
  set(o.weight_decay, weight_decay);
  o.nesterov = nesterov;
  o.centered = centered;
  o.clip_norm = clip_norm;
  o.global_clip_norm = global_clip_norm;
  o.clip_value = clip_value;
  return o;
}

}  // namespace cnnc::tools
