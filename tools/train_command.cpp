// cnnc train: trains an ONNX model on samples in files.
#include <sys/resource.h>

#include <cinttypes>
#include <cmath>
#include <cstdio>

#include "frontend/onnx/save_weights.h"
#include "ir/error.h"
#include "runtime/output_summary.h"
#include "tools/commands.h"
#include "tools/training_options.h"

namespace cnnc::tools {

namespace {

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// What was measured on held-out samples, as members of a JSON object.
std::string validation_members(const codegen::Evaluation& e) {
  char text[128];
  std::snprintf(text, sizeof text, ",\"val_loss\":%.9g", e.loss);
  std::string members = text;
  if (e.accuracy >= 0) {
    std::snprintf(text, sizeof text, ",\"val_accuracy\":%.6g", e.accuracy);
    members += text;
  }
  return members;
}

struct TrainCommand {
  DataFlags data;
  OptimizerFlags optimizer;
  std::string output, on_nan = "stop";
  std::vector<std::string> frozen;
  int64_t epochs = 1, steps = -1;
  double validation_split = 0;
  bool no_shuffle = false, profile = false;
  uint64_t seed = 0;

  void run();

 private:
  codegen::TrainerOptions options() const;
  void report_epoch(int64_t epoch, const codegen::EpochResult& result,
                    const codegen::Evaluation* validation) const;
};

codegen::TrainerOptions TrainCommand::options() const {
  codegen::TrainerOptions options;
  options.training.loss = data.loss_options();
  options.training.optimizer = optimizer.options();
  options.training.l1 = data.l1;
  options.training.l2 = data.l2;
  const std::vector<std::string> names = words_of(frozen);
  options.training.frozen.insert(names.begin(), names.end());
  options.training.sample_weights = data.has_weights();
  options.training.seed = seed;
  options.schedule = schedule_named(optimizer.schedule);
  options.batch_size = data.batch_size;
  options.shuffle = !no_shuffle;
  options.on_nan = on_nan == "skip" ? codegen::OnNan::skip : codegen::OnNan::stop;
  options.threads = data.threads;
  options.profile = profile;
  options.build = data.build.build_options();
  return options;
}

void TrainCommand::report_epoch(int64_t epoch, const codegen::EpochResult& r,
                                const codegen::Evaluation* validation) const {
  const std::string members = validation ? validation_members(*validation) : "";
  if (data.json) {
    std::printf("{\"event\":\"epoch\",\"epoch\":%" PRId64 ",\"steps\":%" PRId64
                ",\"loss\":%.9g,\"seconds\":%.9g,\"cpu_seconds\":%.9g%s}\n",
                epoch, r.steps, r.loss, r.seconds, r.cpu_seconds, members.c_str());
  } else {
    std::printf("epoch %" PRId64 ": %" PRId64 " steps, loss %.6g, %.3f ms/step", epoch, r.steps, r.loss,
                r.seconds * 1e3 / static_cast<double>(std::max<int64_t>(r.steps, 1)));
    if (validation) std::printf(", val_loss %.6g", validation->loss);
    if (validation && validation->accuracy >= 0) std::printf(", val_accuracy %.4f", validation->accuracy);
    std::printf("\n");
  }
  if (r.skipped > 0)
    std::fprintf(stderr, "warning: %" PRId64 " steps with a loss that is no number were left out\n", r.skipped);
  std::fflush(stdout);
}

// Keras's rule: the first floor(n (1 - f)) samples train.
int64_t training_samples(int64_t count, double validation_split) {
  if (validation_split == 0) return count;
  const auto first = static_cast<int64_t>(std::floor(static_cast<double>(count) * (1 - validation_split)));
  if (first == 0 || first == count)
    throw Error(cat("--validation-split ", validation_split, " of ", count, " samples leaves ", first,
                    " to train and ", count - first, " to validate; need some of both"),
                Fault::usage);
  return first;
}

void TrainCommand::run() {
  const codegen::TrainerOptions training = options();
  const codegen::Dataset all = data.dataset();
  const int64_t count = training_samples(all.count(), validation_split);
  const codegen::ModelSource model = data.model_source(all);
  const std::set<std::string> initializers = onnx_initializer_names(data.model);
  codegen::Trainer trainer(model, initializers, all.part(0, count), training);
  codegen::Evaluator evaluator(model, initializers, training.training, training.build, training.threads);
  if (data.json)
    std::printf("{\"event\":\"start\",\"compile_seconds\":%.6g,\"parameters\":%" PRId64 "}\n",
                trainer.compile_seconds(), trainer.parameter_count());
  else
    std::printf("%" PRId64 " parameters, compiled in %.2f s\n", trainer.parameter_count(),
                trainer.compile_seconds());
  std::fflush(stdout);
  int64_t done = 0;
  for (int64_t epoch = 1; steps < 0 ? epoch <= epochs : done < steps; ++epoch) {
    const codegen::EpochResult result = trainer.run_epoch(steps < 0 ? INT64_MAX : steps - done);
    done += result.steps;
    if (count == all.count()) {
      report_epoch(epoch, result, nullptr);
      continue;
    }
    const codegen::Evaluation validation =
        evaluator.run(all.part(count, all.count()), data.batch_size, trainer.weights());
    report_epoch(epoch, result, &validation);
  }
  if (profile) print_profile(stderr, trainer.executable());
  if (!output.empty()) save_onnx_weights(data.model, trainer.weights(), output);
  if (data.json) std::printf("{\"event\":\"end\",\"peak_rss_mb\":%.6g}\n", peak_rss_mb());
}

}  // namespace

void add_train(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("train", "train an ONNX model; writes it with the new weights");
  auto command = std::make_shared<TrainCommand>();
  command->data.add_to(*sub);
  command->optimizer.add_to(*sub);
  sub->add_option("-o,--output", command->output, "the trained ONNX file");
  auto* epochs = sub->add_option("--epochs", command->epochs, "how often all samples are used")
                     ->check(CLI::NonNegativeNumber)->capture_default_str();
  sub->add_option("--steps", command->steps, "how many batches are used, instead of --epochs")
      ->check(CLI::NonNegativeNumber)->excludes(epochs);
  sub->add_option("--validation-split", command->validation_split, "part of the samples, the last ones, held out")
      ->check(CLI::Range(0.0, 1.0));
  sub->add_flag("--no-shuffle", command->no_shuffle, "batches in the order of the files");
  sub->add_option("--seed", command->seed, "of the shuffling and of Dropout")->capture_default_str();
  sub->add_option("--freeze", command->frozen, "NAME,...: initializers that stay as they are")->allow_extra_args(false);
  sub->add_flag("--profile", command->profile, "time of every step of the program, on standard error");
  sub->add_option("--nan", command->on_nan, "stop or skip: when the loss is no number")
      ->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  sub->callback([command] { command->run(); });
}

}  // namespace cnnc::tools
