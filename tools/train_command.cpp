// cnnc train: trains an ONNX model on samples in files.
#include <cstdlib>

#include "frontend/onnx/save_weights.h"
#include "ir/error.h"
#include "runtime/mpi/processes.h"
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
  options.build = training.limited(data.build.reporting_options());
  return options;
}

void check(bool ok, const ErrorText& error, Fault fault) {
  if (!ok) throw Error(error.text, fault);
}

RunOptions TrainCommand::run_options() const {
  RunOptions options;
  options.epochs = epochs;
  options.steps = steps;
  options.json = data.json;
  options.checkpoint = checkpoint.empty() ? nullptr : checkpoint.c_str();
  ErrorText error;
  check(parse_checkpoint_every(checkpoint_every.c_str(), &options.checkpoint_every, &error), error, Fault::usage);
  return options;
}

#ifdef CNNC_HAS_MPI
constexpr const char* kDescription =
    "train an ONNX model; writes it with the new weights. Several of it under mpirun (MPI) share each batch";
#else
constexpr const char* kDescription = "train an ONNX model; writes it with the new weights";
#endif

// Where mpirun has started several of this command.
Shard join() {
#ifdef CNNC_HAS_MPI
  return join_processes();
#else
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr)
    std::fprintf(stderr, "warning: this cnnc was built without MPI; each process trains by itself\n");
  return {};
#endif
}

void leave() {
#ifdef CNNC_HAS_MPI
  leave_processes();
#endif
}

void TrainCommand::run() {
  const Shard shard = join();
  const bool speaks = shard.index == 0;  // for all processes; they have the same tensors
  if (!speaks) output.clear(), checkpoint.clear(), data.quiet = true;
  RunOptions run_options = this->run_options();
  run_options.quiet = !speaks;
  ErrorText error;
  for (const std::string& path : {output, checkpoint})
    check(path.empty() || check_writable(path.c_str(), &error), error, Fault::file);
  Checkpoint start;
  check(resume.empty() || start.read(resume.c_str(), &error), error, Fault::file);

  const TrainingData all(data.files, data.model);
  codegen::TrainedModel model = trained_model(data, all, training.loss.output);
  model.options = training.options(model.initializers);
  model.options.sample_weights = data.files.has_weights();
  model.options.several_processes = shard.count > 1;
  Samples samples = all.samples(), validation;
  const bool validates = validation_split != 0;
  if (validates)
    check(split_samples(all.samples(), validation_split, &samples, &validation, &error), error, Fault::usage);

  codegen::TrainerOptions options = trainer_options();
  options.loop.seed = seed.value_or(start.position().seed);
  options.loop.shard = shard;
  codegen::Trainer trainer(std::move(model), samples, options);
  if (!resume.empty()) trainer.resume(start);
  if (speaks) report_start(data.json, trainer.compile_seconds(), trainer.parameter_count());
  trainer.run(run_options, validates && speaks ? &validation : nullptr);
  if (profile) print_profile(stderr, trainer.executable());
  if (!output.empty()) save_onnx_weights(data.model, trainer.weights(), output);
  if (speaks) report_end(data.json);
  leave();
}

}  // namespace

void add_train(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("train", kDescription);
  auto command = std::make_shared<TrainCommand>();
  command->data.add_to(*sub);
  command->training.add_to(*sub, true);
  sub->add_option("-o,--output", command->output, "the trained ONNX file");
  auto* epochs = sub->add_option("--epochs", command->epochs, "how often all samples are used, with those before --resume")
                     ->check(not_negative())->type_name("N")->capture_default_str();
  sub->add_option("--steps", command->steps, "how many batches are used, instead of --epochs")
      ->check(not_negative())->excludes(epochs);
  sub->add_option("--validation-split", command->validation_split, "part of the samples, the last ones, held out")
      ->check(CLI::Range(0.0, 1.0));
  sub->add_flag("--no-shuffle", command->no_shuffle, "batches in the order of the files");
  sub->add_option("--seed", command->seed, "of the shuffling and of Dropout; default: 0, or that of the checkpoint")
      ->check(not_negative());
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
