#include "model/evaluate.h"

#include <algorithm>
#include <numeric>

#include "cnnc/model.h"
#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace cnnc::dsl {

int64_t evaluate_all(Steps& steps, BatchStream& batches, Running& running, Progress* progress) {
  running.reset();
  batches.begin_epoch(0);
  int64_t done = 0;
  while (const auto batch = batches.next()) {
    running.add(steps.evaluate(*batch), batch->count, steps);
    ++done;
    if (progress == nullptr) continue;
    Logs logs;
    running.write(logs, "");
    progress->step(done, logs);
  }
  return done;
}

static Evaluation evaluation_of(ModelState& model, TrainingState& training, BatchStream& batches,
                                const EvaluateOptions& options) {
  Steps& steps = Steps::of(model, training, {batches.has_weights(), options.threads, global_seed()});
  Running running(training);
  Progress progress(options.verbose, batches.size().value_or(0));
  const int64_t done = evaluate_all(steps, batches, running, &progress);
  progress.end(done, running.values().logs);
  return running.values();
}

static void require_batch_size(int64_t size) {
  if (size <= 0) throw Error(cat("batch_size is ", size, ", need a positive number"), Fault::usage);
}

Evaluation Model::evaluate(const Samples& data, const EvaluateOptions& options) {
  TrainingState& training = compiled_training(*state_, "evaluate");
  require_batch_size(options.batch_size);
  ArrayBatches batches(source_of(*state_, training, data, options.sample_weight, {}), options.batch_size, false);
  return evaluation_of(*state_, training, batches, options);
}

Evaluation Model::evaluate(const Pipeline& data, const EvaluateOptions& options) {
  TrainingState& training = compiled_training(*state_, "evaluate");
  require_batch_size(options.batch_size);
  if (!options.sample_weight.empty())
    throw Error("sample_weight does not go with a pipeline, whose samples come in an order of their own", Fault::usage);
  PipelineBatches batches(data, options.batch_size, 0, false,
                          [&](const Sample& sample) { return source_of(*state_, training, sample, {}, {}); });
  return evaluation_of(*state_, training, batches, options);
}

// ---- one batch by hand -----------------------------------------------------------------------------------------------
static std::vector<int64_t> all_rows(const Source& source) {
  std::vector<int64_t> rows(static_cast<size_t>(source.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Evaluation Model::train_on_batch(const ArrayList& x, const ArrayList& y, const BatchOptions& options) {
  TrainingState& training = compiled_training(*state_, "train_on_batch");
  if (options.max_mem < 0) throw Error(cat("max_mem is ", options.max_mem, ", need 0 or more"), Fault::usage);
  const Source source = source_of(*state_, training, {x, y}, options.sample_weight, options.class_weight);
  Steps& steps = Steps::of(*state_, training, {source.has_weights(), options.threads, global_seed()});
  steps.limit_memory(options.max_mem);
  Running running(training);
  running.add(steps.train({&source, all_rows(source).data(), source.rows()}), source.rows(), steps);
  return running.values();
}

Evaluation Model::test_on_batch(const ArrayList& x, const ArrayList& y, const BatchOptions& options) {
  TrainingState& training = compiled_training(*state_, "test_on_batch");
  const Source source = source_of(*state_, training, {x, y}, options.sample_weight, {});
  Steps& steps = Steps::of(*state_, training, {source.has_weights(), options.threads, global_seed()});
  Running running(training);
  running.add(steps.evaluate({&source, all_rows(source).data(), source.rows()}), source.rows(), steps);
  return running.values();
}

Arrays Model::predict_on_batch(const ArrayList& x) const {
  return predict(x, {.batch_size = x.empty() ? 1 : std::max<int64_t>(1, x[0].rows())});
}

}  // namespace cnnc::dsl
