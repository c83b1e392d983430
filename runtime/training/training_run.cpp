#include "runtime/training/training_run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/host_tensor.h"
#include "runtime/team.h"

namespace cnnc {
namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct EpochReport {
  int64_t epoch, steps, steps_here, skipped; // steps_here: by this process, in `seconds`
  double loss, seconds, cpu_seconds;
};

void print_json(const EpochReport& r, const Evaluation* validation) {
  printf("{\"event\":\"epoch\",\"epoch\":%lld,\"steps\":%lld,\"loss\":%.9g,\"seconds\":%.9g,"
         "\"cpu_seconds\":%.9g",
         static_cast<long long>(r.epoch), static_cast<long long>(r.steps), r.loss, r.seconds,
         r.cpu_seconds);
  if (validation) printf(",\"val_loss\":%.9g", validation->loss);
  if (validation && validation->accuracy >= 0) {
    printf(",\"val_accuracy\":%.6g", validation->accuracy);
  }
  printf("}\n");
}

void print_text(const EpochReport& r, const Evaluation* validation) {
  const double steps = r.steps_here > 0 ? static_cast<double>(r.steps_here) : 1;
  printf("epoch %lld: %lld steps, loss %.6g, %.3f ms/step", static_cast<long long>(r.epoch),
         static_cast<long long>(r.steps), r.loss, r.seconds * 1e3 / steps);
  if (validation) printf(", val_loss %.6g", validation->loss);
  if (validation && validation->accuracy >= 0) printf(", val_accuracy %.4f", validation->accuracy);
  printf("\n");
}

// The most memory that this program had. What getrusage tells counts what the process that started
// it had before, too, and is for systems without /proc.
double peak_megabytes() {
  if (FILE* status = fopen("/proc/self/status", "r")) {
    char line[256];
    long long kilobytes = -1;
    while (kilobytes < 0 && fgets(line, sizeof line, status)) {
      if (sscanf(line, "VmHWM: %lld kB", &kilobytes) != 1) kilobytes = -1;
    }
    fclose(status);
    if (kilobytes >= 0) return static_cast<double>(kilobytes) / 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

class TrainingRun {
 public:
  TrainingRun(TrainingLoop* loop, const RunOptions& options, const Validation& validation,
              ErrorText* error)
      : loop_(*loop), options_(options), validation_(validation), error_(error) {}

  ExitCode run() {
    ExitCode code = kExitOk;
    while (code == kExitOk && !is_done()) code = run_epoch();
    const bool saved = saved_step_ == loop_.position().step;
    return code != kExitOk || saved ? code : save();
  }

 private:
  bool is_done() const {
    const TrainingPosition& at = loop_.position();
    return options_.steps < 0 ? at.epoch >= options_.epochs : at.step >= options_.steps;
  }

  bool may_step() const {
    return !loop_.epoch_is_done() && (options_.steps < 0 || !is_done());
  }

  ExitCode run_epoch() {
    const int64_t start = now_ns(), first_step = loop_.position().step;
    const double cpu_start = cpu_seconds();
    while (may_step()) {
      ExitCode code = loop_.step(error_);
      if (code == kExitOk) code = save_if_due();
      if (code != kExitOk) return code;
    }
    const TrainingPosition& at = loop_.position();
    const EpochReport report{at.epoch + 1, at.batch, at.step - first_step,
                             at.skipped, loop_.epoch_loss(),
                             static_cast<double>(now_ns() - start) * 1e-9,
                             cpu_seconds() - cpu_start};
    const ExitCode code = finish_epoch(report);
    if (code != kExitOk || !loop_.epoch_is_done()) return code;
    loop_.end_epoch();
    return options_.checkpoint_every == 0 ? save() : kExitOk;
  }

  ExitCode finish_epoch(const EpochReport& report) {
    Evaluation result;
    const Evaluation* validation = validation_.samples ? &result : nullptr;
    if (validation) {
      const ExitCode code =
          evaluate(*validation_.samples, loop_.position().batch_size, validation_.rule,
                   validation_.source, loop_.addresses(), &result, error_);
      if (code != kExitOk) return code;
    }
    if (report.skipped > 0) {
      fprintf(stderr, "warning: %lld steps with a loss that is no number were left out\n",
              static_cast<long long>(report.skipped));
    }
    if (options_.quiet) return kExitOk;
    options_.json ? print_json(report, validation) : print_text(report, validation);
    fflush(stdout);
    return kExitOk;
  }

  ExitCode save_if_due() {
    const int64_t every = options_.checkpoint_every;
    return every > 0 && loop_.position().step % every == 0 ? save() : kExitOk;
  }

  ExitCode save() {
    if (!options_.checkpoint) return kExitOk;
    saved_step_ = loop_.position().step;
    return loop_.save(options_.checkpoint, error_);
  }

  TrainingLoop& loop_;
  const RunOptions& options_;
  const Validation& validation_;
  ErrorText* error_;
  int64_t saved_step_ = -1;
};

cnnc_tensor_view part_of(const cnnc_tensor_view& tensor, int64_t begin, int64_t end) {
  cnnc_tensor_view part = tensor;
  if (tensor.rank == 0) return part; // there are none
  const int64_t row = tensor_bytes(tensor.dtype, tensor.rank - 1, tensor.dims + 1);
  part.dims[0] = end - begin;
  if (tensor.data) part.data = static_cast<char*>(tensor.data) + begin * row;
  part.bytes = static_cast<size_t>((end - begin) * row);
  return part;
}

Samples part_of(const Samples& all, int64_t begin, int64_t end) {
  Samples part = all;
  part.first_row += begin;
  for (int32_t i = 0; i < all.input_count; ++i) part.inputs[i] = part_of(all.inputs[i], begin, end);
  part.labels = part_of(all.labels, begin, end);
  part.weights = part_of(all.weights, begin, end);
  return part;
}

} // namespace

ExitCode run_training(TrainingLoop* loop, const RunOptions& options, const Validation& validation,
                      ErrorText* error) {
  return TrainingRun(loop, options, validation, error).run();
}

bool parse_checkpoint_every(const char* text, int64_t* steps, ErrorText* error) {
  char* end;
  errno = 0;
  *steps = strcmp(text, "epoch") ? strtoll(text, &end, 10) : 0;
  return !strcmp(text, "epoch") || (end != text && !*end && !errno && *steps > 0) ||
         error->set("--checkpoint-every '%s': need a number of steps, or epoch", text);
}

bool check_writable(const char* path, ErrorText* error) {
  struct stat found;
  if (!stat(path, &found) && S_ISDIR(found.st_mode)) {
    return error->set("cannot write '%s': it is a directory", path);
  }
  FileWriter file; // removes what it has not committed
  return file.open(path, error);
}

void report_start(bool json, double compile_seconds, int64_t parameters) {
  if (json) {
    printf("{\"event\":\"start\",\"compile_seconds\":%.6g,\"parameters\":%lld}\n", compile_seconds,
           static_cast<long long>(parameters));
  } else {
    printf("%lld parameters, compiled in %.2f s\n", static_cast<long long>(parameters),
           compile_seconds);
  }
  fflush(stdout);
}

void report_end(bool json) {
  if (json) printf("{\"event\":\"end\",\"peak_rss_mb\":%.6g}\n", peak_megabytes());
}

void report_evaluation(bool json, const Evaluation& e) {
  if (json) {
    printf("{\"event\":\"evaluate\",\"loss\":%.9g", e.loss);
    if (e.accuracy >= 0) printf(",\"accuracy\":%.9g", e.accuracy);
    printf(",\"seconds\":%.6g}\n", e.seconds);
  } else {
    printf("loss %.6g", e.loss);
    if (e.accuracy >= 0) printf(", accuracy %.4f", e.accuracy);
    printf("\n");
  }
}

bool split_samples(const Samples& all, double split, Samples* training, Samples* validation,
                   ErrorText* error) {
  const int64_t count = all.count();
  const auto first = static_cast<int64_t>(floor(static_cast<double>(count) * (1 - split)));
  if (first <= 0 || first >= count) {
    return error->set("--validation-split %g of %lld samples leaves %lld to train and %lld to "
                      "validate; need some of both",
                      split, static_cast<long long>(count), static_cast<long long>(first),
                      static_cast<long long>(count - first));
  }
  *training = part_of(all, 0, first);
  *validation = part_of(all, first, count);
  return true;
}

} // namespace cnnc
