#include "tools/training_options.h"

#include <fnmatch.h>

#include <algorithm>

#include "frontend/onnx/save_weights.h"
#include "ir/error.h"

namespace cnnc::tools {

// ---- data and loss -----------------------------------------------------------------------------

void DataFlags::add_to(CLI::App& app) {
  app.add_option("MODEL", model, "an ONNX file")->required();
  app.add_option("--data", files.inputs, "the samples, .npy; INPUT=FILE,... for a model with several inputs")
      ->required()->type_name("FILE")->allow_extra_args(false);
  app.add_option("--labels", files.labels, "the labels, .npy")->required()->type_name("FILE");
  app.add_option("--sample-weights", files.sample_weights, "a weight for each sample, .npy")->type_name("FILE");
  app.add_option("--class-weight", files.class_weights, "CLASS:WEIGHT,...")->allow_extra_args(false);
  app.add_option("--batch-size", batch_size, "samples in a step")
      ->check(positive())->capture_default_str();
  app.add_option("--threads", threads, "threads in all; default: what this process may use")
      ->check(positive())->type_name("N");
  app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("-q,--quiet", quiet, "no warnings");
  build.add_to(app);
}

// The group of options that help only names, beside what they belong to: docs/formulae.md has them.
constexpr const char* kInTheDocuments = "";

void LossFlags::add_to(CLI::App& app, bool required) {
  app.add_option("--loss", loss, "sparse_categorical_crossentropy, mse, ...; docs/formulae.md has all, with --delta, --gamma, --alpha, --beta and --class-balancing")->required(required);
  app.add_option("--output-name", output, "the output that the loss is computed of, of a model with several")
      ->type_name("NAME");
  app.add_flag("--from-probabilities", from_probabilities, "the output is probabilities, not logits");
  app.add_option("--label-smoothing", label_smoothing, "s: labels y become y (1 - s) + s / classes")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--delta", delta, "huber: where the line begins; default 1")->check(positive())->group(kInTheDocuments);
  app.add_option("--gamma", gamma, "of the focal losses; default 2")->check(not_negative())->group(kInTheDocuments);
  app.add_option("--alpha", alpha, "of the focal losses and tversky; default 0.25 and 0.5")->check(not_negative())->group(kInTheDocuments);
  app.add_option("--beta", beta, "of tversky; default 0.5")->check(not_negative())->group(kInTheDocuments);
  app.add_flag("--class-balancing", class_balancing, "binary_focal_crossentropy: alpha for 1, 1 - alpha for 0")->group(kInTheDocuments);
  app.add_option("--l1", l1, "adds L1 sum |w| of the weights to the loss")->check(not_negative());
  app.add_option("--l2", l2, "adds L2 sum w^2 of the weights to the loss")->check(not_negative());
}

namespace {

// An option that only some losses or optimisers have; on others it would do nothing.
struct Belongs {
  const char* option;
  bool given;
  std::vector<std::string> owners;
};

void refuse_foreign(const std::vector<Belongs>& options, const char* what, const std::string& name) {
  for (const Belongs& o : options) {
    if (!o.given || std::find(o.owners.begin(), o.owners.end(), name) != o.owners.end()) continue;
    std::string list;
    for (const std::string& owner : o.owners) list += (list.empty() ? "" : ", ") + owner;
    throw Error(cat("the ", what, " ", quoted(name), " has no ", o.option, "; it belongs to ", list), Fault::usage);
  }
}

void set(double& value, const std::optional<double>& given) {
  if (given) value = *given;
}

}  // namespace

LossOptions LossFlags::options(Convention convention) const {
  LossOptions options;
  options.loss = loss_named(loss);
  options.convention = convention;
  refuse_foreign({{"--label-smoothing", label_smoothing && *label_smoothing != 0,
                   {"sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy",
                    "categorical_focal_crossentropy", "binary_focal_crossentropy"}},
                  {"--from-probabilities", from_probabilities,
                   {"sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy",
                    "categorical_focal_crossentropy", "binary_focal_crossentropy", "kl_divergence", "poisson", "dice", "tversky"}},
                  {"--delta", delta.has_value(), {"huber"}},
                  {"--gamma", gamma.has_value(), {"categorical_focal_crossentropy", "binary_focal_crossentropy"}},
                  {"--alpha", alpha.has_value(), {"categorical_focal_crossentropy", "binary_focal_crossentropy", "tversky"}},
                  {"--beta", beta.has_value(), {"tversky"}},
                  {"--class-balancing", class_balancing, {"binary_focal_crossentropy"}}},
                 "loss", loss);
  if (options.loss == Loss::tversky) options.alpha = 0.5;
  set(options.label_smoothing, label_smoothing);
  set(options.delta, delta);
  set(options.gamma, gamma);
  set(options.alpha, alpha);
  set(options.beta, beta);
  options.from_probabilities = from_probabilities;
  options.class_balancing = class_balancing;
  return options;
}

void ConventionFlag::add_to(CLI::App& app) {
  app.add_option("--convention", name, "keras or pytorch: whose formulae and defaults, where they differ")
      ->check(CLI::IsMember({"keras", "pytorch"}))->capture_default_str();
}

// ---- the optimiser -----------------------------------------------------------------------------

void OptimizerFlags::add_to(CLI::App& app) {
  app.add_option("--optimizer", optimizer, "sgd, adam, adamw, rmsprop, adagrad, adadelta, adamax or lion, with --beta1, --beta2, --rho, --centered, --initial-accumulator, --amsgrad and --dampening")->capture_default_str();
  app.add_option("--lr", lr, "the learning rate");
  app.add_option("--lr-schedule", schedule, "exponential|cosine|inverse_time|polynomial|piecewise|step,KEY=VALUE,..., with warmup_steps= if wanted");
  app.add_option("--momentum", momentum, "of sgd and rmsprop");
  app.add_flag("--nesterov", nesterov, "sgd: Nesterov's momentum");
  app.add_option("--dampening", dampening, "of sgd's momentum, by PyTorch's formula")->group(kInTheDocuments);
  app.add_option("--beta1", beta1, "of adam, adamw, adamax and lion")->group(kInTheDocuments);
  app.add_option("--beta2", beta2, "of adam, adamw, adamax and lion")->group(kInTheDocuments);
  app.add_flag("--amsgrad", amsgrad, "adam and adamw: by the greatest second moment so far")->group(kInTheDocuments);
  app.add_option("--epsilon", epsilon, "keeps divisors from being 0");
  app.add_option("--rho", rho, "of rmsprop and adadelta")->group(kInTheDocuments);
  app.add_flag("--centered", centered, "rmsprop: by the variance of the gradients")->group(kInTheDocuments);
  app.add_option("--initial-accumulator", initial_accumulator, "of adagrad")->group(kInTheDocuments);
  app.add_option("--weight-decay", weight_decay, "decoupled: w -= lr d w before each step; by PyTorch's formula of all but adamw: gradient += d w");
  app.add_option("--clipnorm", clip_norm, "limit of each gradient's norm");
  app.add_option("--global-clipnorm", global_clip_norm, "limit of the norm of all gradients");
  app.add_option("--clipvalue", clip_value, "limit of each element of the gradients");
}

OptimizerOptions OptimizerFlags::options(Convention convention) const {
  OptimizerOptions o = OptimizerOptions::of(optimizer_named(optimizer), convention);
  const std::vector<std::string> with_betas{"adam", "adamw", "adamax", "lion"};
  refuse_foreign({{"--momentum", momentum && *momentum != 0, {"sgd", "rmsprop"}},
                  {"--dampening", dampening && *dampening != 0, {"sgd"}},
                  {"--nesterov", nesterov, {"sgd"}},
                  {"--beta1", beta1.has_value(), with_betas},
                  {"--beta2", beta2.has_value(), with_betas},
                  {"--amsgrad", amsgrad, {"adam", "adamw"}},
                  {"--epsilon", epsilon.has_value(), {"adam", "adamw", "adamax", "rmsprop", "adagrad", "adadelta"}},
                  {"--rho", rho.has_value(), {"rmsprop", "adadelta"}},
                  {"--centered", centered, {"rmsprop"}},
                  {"--initial-accumulator", initial_accumulator.has_value(), {"adagrad"}}},
                 "optimizer", optimizer);
  set(o.learning_rate, lr);
  set(o.momentum, momentum);
  set(o.beta1, beta1);
  set(o.beta2, beta2);
  set(o.epsilon, epsilon);
  set(o.rho, rho);
  set(o.initial_accumulator, initial_accumulator);
  set(o.weight_decay, weight_decay);
  o.nesterov = nesterov;
  set(o.dampening, dampening);
  o.centered = centered;
  o.amsgrad = amsgrad;
  o.clip_norm = clip_norm;
  o.global_clip_norm = global_clip_norm;
  o.clip_value = clip_value;
  check_numbers(o);
  return o;
}

LearningRate OptimizerFlags::learning_rate() const {
  LearningRate rate;
  ErrorText error;
  if (!rate.parse(schedule.c_str(), &error)) throw Error(error.text, Fault::usage);
  return rate;
}

// ---- what is trained ---------------------------------------------------------------------------

void TrainingFlags::add_to(CLI::App& app, bool loss_is_required) {
  loss.add_to(app, loss_is_required);
  optimizer.add_to(app);
  convention.add_to(app);
  app.add_option("--freeze", frozen, "PATTERN,...: initializers that stay as they are; * and ? match any characters")
      ->allow_extra_args(false);
  app.add_option("--max-mem", max_memory, "64MB, 1GiB: limit of a step's memory besides weights; computes values again to keep it")
      ->transform(CLI::AsSizeValue(true).description(""))->check(positive())->type_name("SIZE");
}

// A word without a match is kept, to be reported with the names that there are.
static std::set<std::string> matching(const std::vector<std::string>& patterns, const std::set<std::string>& names) {
  std::set<std::string> result;
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (const std::string& name : names)
      if (name == pattern || fnmatch(pattern.c_str(), name.c_str(), 0) == 0) found = result.insert(name).second || true;
    if (!found) result.insert(pattern);
  }
  return result;
}

codegen::BuildOptions TrainingFlags::limited(codegen::BuildOptions build) const {
  build.compile.memory.bytes = max_memory;
  return build;
}

TrainingOptions TrainingFlags::options(const std::set<std::string>& initializers) const {
  TrainingOptions options;
  options.loss = loss.options(convention.convention());
  options.optimizer = optimizer.options(convention.convention());
  options.l1 = loss.l1;
  options.l2 = loss.l2;
  options.frozen = matching(words_of(frozen), initializers);
  return options;
}

// ---- the model ---------------------------------------------------------------------------------

static void keep_output(Graph& graph, const std::string& path, const std::string& name) {
  if (graph.outputs().size() == 1 && name.empty()) return;
  std::string known;
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    if (graph.output_names()[i] == name) {
      Value* output = graph.outputs()[i];
      graph.remove_outputs();
      graph.add_output(output, name);
      return;
    }
    known += (known.empty() ? "" : ", ") + quoted(graph.output_names()[i]);
  }
  const std::string problem = name.empty() ? cat("the model has ", graph.outputs().size(), " outputs, ", known)
                                           : cat("the model has no output ", quoted(name), "; it has ", known);
  throw Error(cat(path, ": ", problem, "; choose one with --output-name"), Fault::usage);
}

// Symbols of the first axes of the inputs; nothing when one is a number.
static std::optional<std::set<std::string>> batch_symbols(const Graph& graph) {
  std::set<std::string> symbols;
  for (const auto& input : graph.inputs()) {
    if (input->rank() == 0) continue;
    const std::optional<std::string> symbol = input->dim(0).as_symbol();
    if (!symbol) return std::nullopt;
    symbols.insert(*symbol);
  }
  return symbols;
}

std::unique_ptr<Graph> import_for_training(const std::string& path, ImportOptions options, const Dim& batch,
                                           const std::string& output) {
  options.for_training = true;
  std::unique_ptr<Graph> graph = import_onnx_file(path, options);
  if (!batch.is_const()) {
    const std::optional<std::set<std::string>> symbols = batch_symbols(*graph);
    if (!symbols) return nullptr;
    options.warn = nullptr;
    for (const std::string& symbol : *symbols) options.dims[symbol] = batch;
    if (symbols->size() > 1) graph = import_onnx_file(path, options);
  }
  keep_output(*graph, path, output);
  return graph;
}

static void check_types(const Graph& graph, const DataFlags& flags, const TrainingData& data) {
  for (size_t i = 0; i < data.input_types().size(); ++i) {
    const Type& need = graph.inputs()[i]->type();
    const Type& given = data.input_types()[i];
    if (need.dtype == given.dtype) continue;
    const std::string which = data.input_types().size() == 1 ? "the data" : cat("the data of ", quoted(data.input_names()[i]));
    throw Error(cat(which, " are ", given, " but the model's input is ", need, " in ", flags.model), Fault::usage);
  }
}

static std::string what_is_given(const TrainingData& data, const Dim& batch) {
  std::string samples;
  for (size_t i = 0; i < data.input_types().size(); ++i)
    samples += cat(i == 0 ? "" : ", ", quoted(data.input_names()[i]), " ", data.input_types()[i]);
  return cat("giving the model ", batch.is_const() ? cat("batches of ", batch) : "batches of any size", " of the samples ", samples, " (--batch-size and --data)");
}

codegen::TrainedModel trained_model(const DataFlags& flags, const TrainingData& data, const std::string& output) {
  codegen::TrainedModel model;
  model.initializers = onnx_initializer_names(flags.model);
  model.labels = data.label_type();
  bool warns = !flags.quiet;
  model.graph = [flags, &data, output, warns](const Dim& batch) mutable {
    ImportOptions options;
    for (size_t i = 0; i < data.input_types().size(); ++i) {
      Shape shape = data.input_types()[i].shape();
      shape[0] = batch.is_const() ? batch.value() : -1;
      options.shapes[data.input_names()[i]] = shape;
    }
    if (warns) options.warn = [](const std::string& line) { std::fprintf(stderr, "warning: %s\n", line.c_str()); };
    warns = false;
    try {
      std::unique_ptr<Graph> graph = import_for_training(flags.model, options, batch, output);
      if (graph) check_types(*graph, flags, data);
      return graph;
    } catch (Error& error) {
      if (error.fault() == Fault::usage) error.while_doing(what_is_given(data, batch));
      throw;
    }
  };
  return model;
}

}  // namespace cnnc::tools
