// cnnc train: trains an ONNX model on samples in files.
#include <cerrno>
#include <cstdlib>

#include "frontend/onnx/save_weights.h"
#include "ir/error.h"
#include "runtime/output_summary.h"
#include "tools/commands.h"
#include "tools/training_options.h"

namespace cnnc::tools {

namespace {

struct TrainCommand {
  DataFlags data;
  TrainingFlags training;
  std::string output, on_nan = "stop", checkpoint, checkpoint_every = "epoch", resume;
  int64_t epochs = 1, steps = -1;
  double validation_split = 0;
  bool no_shuffle = false, profile = false;
  std::optional<uint64_t> seed;

  void run();

 private:
  codegen::TrainerOptions trainer_options() const;
  RunOptions run_options() const;
};

codegen::TrainerOptions TrainCommand::trainer_options() const {
  codegen::TrainerOptions options;
  options.loop.batch_size = data.batch_size;
  options.loop.shuffle = !no_shuffle;
  options.loop.skips_bad_steps = on_nan == "skip";
  options.loop.learning_rate = training.optimizer.learning_rate();
  options.threads = data.threads;
  options.profile = profile;
  options.build = data.build.build_options();
  return options;
}

int64_t steps_named(const std::string& text) {
  if (text == "epoch") return 0;
  char* end;
  errno = 0;
  const int64_t steps = std::strtoll(text.c_str(), &end, 10);
  if (errno != 0 || *end != 0 || steps <= 0)
    throw Error(cat("--checkpoint-every ", quoted(text), ": need a number of steps, or epoch"), Fault::usage);
  return steps;
}

RunOptions TrainCommand::run_options() const {
  RunOptions options;
  options.epochs = epochs;
  options.steps = steps;
  options.json = data.json;
  options.checkpoint = checkpoint.empty() ? nullptr : checkpoint.c_str();
  options.checkpoint_every = steps_named(checkpoint_every);
  return options;
}

// Before hours of training, not after.
void check_writable(const std::string& path) {
  FileWriter file;
  ErrorText error;
  if (!path.empty() && !file.open(path.c_str(), &error)) throw Error(error.text, Fault::file);
}

void TrainCommand::run() {
  const RunOptions run_options = this->run_options();
  check_writable(output);
  check_writable(checkpoint);
  ErrorText error;
  Checkpoint start;
  if (!resume.empty() && !start.read(resume.c_str(), &error)) throw Error(error.text, Fault::file);

  const TrainingData all(data.files, data.model);
  codegen::TrainedModel model = trained_model(data, all, training.loss.output);
  model.options = training.options(model.initializers);
  model.options.sample_weights = data.files.has_weights();
  model.options.seed = seed.value_or(start.position().seed);
  Samples samples = all.samples(), validation;
  const bool validates = validation_split != 0;
  if (validates && !split_samples(all.samples(), validation_split, &samples, &validation, &error))
    throw Error(error.text, Fault::usage);

  codegen::Trainer trainer(std::move(model), samples, trainer_options());
  if (!resume.empty()) trainer.resume(start);
  report_start(data.json, trainer.compile_seconds(), trainer.parameter_count());
  trainer.run(run_options, validates ? &validation : nullptr);
  if (profile) print_profile(stderr, trainer.executable());
  if (!output.empty()) save_onnx_weights(data.model, trainer.weights(), output);
  report_end(data.json);
}

}  // namespace

void add_train(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("train", "train an ONNX model; writes it with the new weights");
  auto command = std::make_shared<TrainCommand>();
  command->data.add_to(*sub);
  command->training.add_to(*sub, true);
  sub->add_option("-o,--output", command->output, "the trained ONNX file");
  auto* epochs = sub->add_option("--epochs", command->epochs, "how often all samples are used, with those before --resume")
                     ->check(CLI::NonNegativeNumber)->capture_default_str();
  sub->add_option("--steps", command->steps, "how many batches are used, instead of --epochs")
      ->check(CLI::NonNegativeNumber)->excludes(epochs);
  sub->add_option("--validation-split", command->validation_split, "part of the samples, the last ones, held out")
      ->check(CLI::Range(0.0, 1.0));
  sub->add_flag("--no-shuffle", command->no_shuffle, "batches in the order of the files");
  sub->add_option("--seed", command->seed, "of the shuffling and of Dropout; default: 0, or that of the checkpoint");
  sub->add_option("--checkpoint", command->checkpoint, "file that keeps the state of training, to go on from")
      ->type_name("FILE");
  sub->add_option("--checkpoint-every", command->checkpoint_every, "N: steps between checkpoints; or epoch")
      ->capture_default_str();
  sub->add_option("--resume", command->resume, "goes on where this checkpoint was written")->type_name("FILE");
  sub->add_flag("--profile", command->profile, "time of every step of the program, on standard error");
  sub->add_option("--nan", command->on_nan, "stop or skip: when the loss is no number")
      ->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  sub->callback([command] { command->run(); });
}

}  // namespace cnnc::tools
