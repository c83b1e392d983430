#include "runtime/training/trainer.h"

#include <stdio.h>
#include <string.h>

#include "runtime/executable_main.h"
#include "runtime/file_bytes.h"
#include "runtime/host_tensor.h"
#include "runtime/team.h"
#include "runtime/training/trainer_arguments.h"
#include "runtime/training/trainer_data.h"

namespace cnnc {
namespace {

constexpr const char* kHelp =
    "usage: %s --data FILE --labels FILE [-o TRAINED.onnx] [options]\n"
    "Trains a neural network, compiled by cnnc %s.\n"
    "\noptions (see cnnc train --help):\n"
    "  --data FILE | INPUT=FILE,...  the samples, .npy\n"
    "  --labels FILE                 the labels, .npy\n"
    "  --sample-weights FILE         a weight for each sample, if compiled with --weighted\n"
    "  --epochs E | --steps N        how long\n"
    "  --batch-size B                only that which was chosen at compile time: %lld\n"
    "  --validation-split PART       part of the samples, the last ones, held out\n"
    "  --no-shuffle, --seed S        order of the samples\n"
    "  --lr R, --lr-schedule TEXT    instead of what was chosen at compile time\n"
    "  --nan stop|skip               when the loss is no number\n"
    "  --checkpoint FILE, --checkpoint-every N|epoch, --resume FILE\n"
    "  -o, --output FILE             the trained ONNX file\n"
    "  --threads N, --json, --version, --help\n"
    "\nexit codes: 0 done, 2 wrong usage, 3 model or CPU not fit, 4 file error, 5 over a limit\n";

// A program that is made when it is first needed.
class LazyProgram {
 public:
  LazyProgram() = default;
  LazyProgram(const LazyProgram&) = delete;
  LazyProgram& operator=(const LazyProgram&) = delete;
  ~LazyProgram() { cnnc_destroy(executable_); }

  void set(const cnnc_model* model, const StepLayout& layout, int32_t threads, uint64_t max_bytes) {
    model_ = model;
    layout_ = layout;
    threads_ = threads;
    max_bytes_ = max_bytes;
  }
  bool exists() const { return model_ != nullptr; }

  StepRunner* runner(ErrorText* error) { return open(error) == kExitOk ? &runner_ : nullptr; }

  ExitCode open(ErrorText* error) {
    if (executable_) return kExitOk;
    cnnc_options options{};
    options.threads = threads_;
    options.max_bytes = max_bytes_;
    options.error = error->text;
    options.error_bytes = sizeof error->text;
    options.flush_denormals = 1;
    const cnnc_status status = cnnc_create(model_, &options, &executable_);
    if (status != CNNC_OK) return exit_code(status);
    return runner_.create(executable_, layout_, error) ? kExitOk : kExitModel;
  }

 private:
  const cnnc_model* model_ = nullptr;
  StepLayout layout_;
  int32_t threads_ = 0;
  uint64_t max_bytes_ = 0;
  cnnc_executable* executable_ = nullptr;
  StepRunner runner_;
};

class Trainer {
 public:
  Trainer(const TrainerRecord& record, const TrainerModels& models,
          const TrainerArguments& arguments, ErrorText* error)
      : record_(record), arguments_(arguments), error_(error) {
    const auto threads = static_cast<int32_t>(arguments.threads < 1024 ? arguments.threads : 1024);
    training_.set(models.training, record.training, threads, record.max_bytes);
    other_batches_.set(models.other_batches, record.training, threads, record.max_bytes);
    evaluation_.set(models.evaluation, record.evaluation, threads, record.max_bytes);
  }

  ExitCode run() {
    const int64_t start = now_ns();
    ExitCode code = prepare();
    if (code != kExitOk) return code;
    report_start(arguments_.run.json, static_cast<double>(now_ns() - start) * 1e-9,
                 record_.parameter_count);
    Validation validation;
    if (validates()) {
      validation = {&validation_, record_.accuracy, evaluation_source()};
    }
    code = run_training(&loop_, arguments_.run, validation, error_);
    if (code == kExitOk && arguments_.output) code = save();
    if (code == kExitOk) report_end(arguments_.run.json);
    return code;
  }

 private:
  bool validates() const { return arguments_.validation_split != 0; }

  LoopOptions loop_options() const {
    LoopOptions options = record_.loop;
    options.shuffle = !arguments_.no_shuffle;
    options.skips_bad_steps = arguments_.skips_bad_steps;
    if (arguments_.learning_rate >= 0) options.learning_rate.initial = arguments_.learning_rate;
    options.seed = arguments_.seed >= 0 ? static_cast<uint64_t>(arguments_.seed)
                                        : checkpoint_.position().seed;
    return options;
  }

  bool check_arguments() {
    const int64_t batch = record_.loop.batch_size;
    if (arguments_.batch_size == 0 || arguments_.batch_size == batch) return true;
    return error_->set("--batch-size was chosen at compile time: %lld, not %lld",
                       static_cast<long long>(batch),
                       static_cast<long long>(arguments_.batch_size));
  }

  // A checkpoint and the output are found to be usable before training, not after.
  bool check_files() {
    const char* const written[] = {arguments_.output, arguments_.run.checkpoint};
    for (const char* path : written) {
      if (path && !check_writable(path, error_)) return false;
    }
    return !arguments_.resume || checkpoint_.read(arguments_.resume, error_);
  }

  bool split() {
    samples_ = data_.samples();
    if (!validates()) return true;
    if (!evaluation_.exists()) {
      return error_->set("--validation-split: this model was compiled for full batches only: %s",
                         record_.text(record_.fixed_batch));
    }
    return split_samples(data_.samples(), arguments_.validation_split, &samples_, &validation_,
                         error_);
  }

  // The model with its own batch size can do no other.
  bool check_batches() {
    const int64_t batch = record_.loop.batch_size, rest = samples_.count() % batch;
    if (other_batches_.exists() || rest == 0) return true;
    return error_->set("there are %lld samples, but this trainer takes full batches of %lld only: "
                       "%s",
                       static_cast<long long>(samples_.count()), static_cast<long long>(batch),
                       record_.text(record_.fixed_batch));
  }

  ExitCode prepare() {
    if (!check_arguments()) return kExitUsage;
    if (!check_files()) return kExitFile;
    ExitCode code = data_.load(record_, arguments_, error_);
    if (code != kExitOk) return code;
    if (!split() || !check_batches()) return kExitUsage;
    LoopOptions options = loop_options();
    if (arguments_.schedule) {
      const double initial = options.learning_rate.initial;
      options.learning_rate = {};
      options.learning_rate.initial = initial;
      if (!options.learning_rate.parse(arguments_.schedule, error_)) return kExitUsage;
    }
    code = samples_.count() < record_.loop.batch_size ? kExitOk : training_.open(error_);
    return code == kExitOk ? make_loop(options) : code;
  }

  ExitCode make_loop(const LoopOptions& options) {
    const size_t count = record_.carried_count;
    Array<InitialTensor> initial;
    if (!initial.allocate(count)) {
      error_->set("out of memory");
      return kExitLimit;
    }
    for (size_t i = 0; i < count; ++i) set_initial(carried()[i], &initial[i]);
    const StepSource source{this, [](void* trainer, int64_t batch, ErrorText* error) {
                              return static_cast<Trainer*>(trainer)->training_runner(batch, error);
                            }};
    const ExitCode code =
        loop_.create(&samples_, options, source, record_.text(record_.settings), initial.data(),
                     count, error_);
    if (code != kExitOk || !arguments_.resume) return code;
    return loop_.resume(checkpoint_, error_);
  }

  const TrainerRecord::Carried* carried() const {
    return reinterpret_cast<const TrainerRecord::Carried*>(record_.text(record_.carried));
  }

  void set_initial(const TrainerRecord::Carried& carried, InitialTensor* out) const {
    cnnc_tensor_view& view = out->tensor.view;
    out->tensor.name = record_.text(carried.type.name);
    out->tensor.role = carried.role;
    out->fill = carried.fill;
    view.dtype = carried.type.dtype;
    view.rank = carried.type.rank;
    memcpy(view.dims, carried.type.dims, sizeof view.dims);
    view.bytes = static_cast<size_t>(tensor_bytes(view.dtype, view.rank, view.dims));
    if (carried.initial == TrainerRecord::kNoOffset) return;
    view.data = const_cast<char*>(record_.text(record_.model + carried.initial));
  }

  StepRunner* training_runner(int64_t batch, ErrorText* error) {
    LazyProgram& program = batch == record_.loop.batch_size ? training_ : other_batches_;
    return program.runner(error);
  }

  StepSource evaluation_source() {
    return {this, [](void* trainer, int64_t, ErrorText* error) {
              return static_cast<Trainer*>(trainer)->evaluation_.runner(error);
            }};
  }

  // The model file with the present weights in the place of the initial ones.
  ExitCode save() {
    FileWriter file;
    bool ok = file.open(arguments_.output, error_);
    uint64_t at = 0;
    const auto copy_up_to = [&](uint64_t end) {
      ok = ok && file.write(record_.text(record_.model + at), end - at, error_);
      at = end;
    };
    const Array<CarriedTensor>& tensors = loop_.tensors();
    // Places ascend (TrainerRecord is made so), whatever the order of the carried tensors.
    for (size_t done = 0; done < tensors.size(); ++done) {
      const size_t i = next_place(at);
      if (i == tensors.size()) break;
      copy_up_to(carried()[i].initial);
      ok = ok && file.write(tensors[i].view.data, tensors[i].view.bytes, error_);
      at += tensors[i].view.bytes;
    }
    copy_up_to(record_.model_bytes);
    return ok && file.commit(error_) ? kExitOk : kExitFile;
  }

  // The carried tensor whose place in the file is the first one from `offset` on.
  size_t next_place(uint64_t offset) const {
    size_t best = record_.carried_count;
    uint64_t first = TrainerRecord::kNoOffset;
    for (size_t i = 0; i < record_.carried_count; ++i) {
      const uint64_t place = carried()[i].initial;
      if (place < offset || place >= first) continue;
      first = place;
      best = i;
    }
    return best;
  }

  const TrainerRecord& record_;
  const TrainerArguments& arguments_;
  ErrorText* error_;
  LazyProgram training_, other_batches_, evaluation_;
  TrainerData data_;
  Samples samples_, validation_;
  Checkpoint checkpoint_;
  TrainingLoop loop_;
};

ExitCode run_trainer(const TrainerRecord& record, const TrainerModels& models, int argc,
                     char** argv, ErrorText* error) {
  TrainerArguments arguments;
  if (!arguments.parse(argc, argv, error)) return kExitUsage;
  if (arguments.help) {
    printf(kHelp, argv[0], CNNC_VERSION, static_cast<long long>(record.loop.batch_size));
    return kExitOk;
  }
  if (arguments.version) {
    printf("cnnc %s\n", CNNC_VERSION);
    return kExitOk;
  }
  return Trainer(record, models, arguments, error).run();
}

} // namespace

int trainer_main(const TrainerRecord& record, const TrainerModels& models, int argc, char** argv) {
  ErrorText error;
  return report_exit(run_trainer(record, models, argc, argv, &error), &error);
}

} // namespace cnnc
