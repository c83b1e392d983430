#include "model/evaluate.h"

#include <algorithm>
#include <numeric>

#include "cnnc/model.h"
#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace cnnc::dsl {

void evaluate_all(Steps& steps, const Source& source, int64_t batch, Running& running, Progress* progress) {
  running.reset();
  int64_t done = 0;
  std::vector<int64_t> rows;
  for (int64_t begin = 0; begin < source.rows(); begin += batch) {
    rows.resize(static_cast<size_t>(std::min(source.rows() - begin, batch)));
    std::iota(rows.begin(), rows.end(), begin);
    const auto count = static_cast<int64_t>(rows.size());
    running.add(steps.evaluate(source, rows.data(), count), count, steps);
    if (progress == nullptr) continue;
    Logs logs;
    running.write(logs, "");
    progress->step(++done, logs);
  }
}

Evaluation Model::evaluate(const Samples& data, const EvaluateOptions& options) {
  TrainingState& training = compiled_training(*state_, "evaluate");
  if (options.batch_size <= 0)
    throw Error(cat("batch_size is ", options.batch_size, ", need a positive number"), Fault::usage);
  const Source source = source_of(*state_, training, data, options.sample_weight, {});
  Steps& steps = Steps::of(*state_, training, {source.has_weights(), options.threads, global_seed()});
  Running running(training);
  Progress progress(options.verbose, (source.rows() + options.batch_size - 1) / options.batch_size);
  evaluate_all(steps, source, options.batch_size, running, &progress);
  progress.end(running.values().logs);
  return running.values();
}

// ---- one batch by hand -----------------------------------------------------------------------------------------------
static std::vector<int64_t> all_rows(const Source& source) {
  std::vector<int64_t> rows(static_cast<size_t>(source.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Evaluation Model::train_on_batch(const ArrayList& x, const ArrayList& y, const BatchOptions& options) {
  TrainingState& training = compiled_training(*state_, "train_on_batch");
  const Source source = source_of(*state_, training, {x, y}, options.sample_weight, options.class_weight);
  Steps& steps = Steps::of(*state_, training, {source.has_weights(), options.threads, global_seed()});
  Running running(training);
  running.add(steps.train(source, all_rows(source).data(), source.rows()), source.rows(), steps);
  return running.values();
}

Evaluation Model::test_on_batch(const ArrayList& x, const ArrayList& y, const BatchOptions& options) {
  TrainingState& training = compiled_training(*state_, "test_on_batch");
  const Source source = source_of(*state_, training, {x, y}, options.sample_weight, {});
  Steps& steps = Steps::of(*state_, training, {source.has_weights(), options.threads, global_seed()});
  Running running(training);
  evaluate_all(steps, source, source.rows(), running, nullptr);
  return running.values();
}

Arrays Model::predict_on_batch(const ArrayList& x) const {
  return predict(x, {.batch_size = x.empty() ? 1 : std::max<int64_t>(1, x[0].rows())});
}

}  // namespace cnnc::dsl
