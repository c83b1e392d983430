#include "model/batch_stream.h"

#include <algorithm>
#include <numeric>

#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace cnnc::dsl {

// ---- arrays ----------------------------------------------------------------------------------------------------------
ArrayBatches::ArrayBatches(Source source, int64_t batch_size, bool shuffle, int64_t steps_per_epoch)
    : source_(std::move(source)),
      batch_size_(batch_size),
      steps_per_epoch_(steps_per_epoch),
      begin_(source_.rows()),
      shuffle_(shuffle) {
  order_.resize(static_cast<size_t>(source_.rows()));
  std::iota(order_.begin(), order_.end(), 0);
}

std::optional<int64_t> ArrayBatches::size() const {
  return steps_per_epoch_ > 0 ? steps_per_epoch_ : (source_.rows() + batch_size_ - 1) / batch_size_;
}

void ArrayBatches::begin_epoch(int64_t epochs) {
  epochs_ = epochs;
  step_ = pass_ = 0;
  if (steps_per_epoch_ == 0 || begin_ == source_.rows()) begin_pass();
}

// Fisher-Yates.
void ArrayBatches::begin_pass() {
  begin_ = 0;
  const auto number = static_cast<uint64_t>(epochs_) + 1 + (static_cast<uint64_t>(pass_++) << 32);
  if (!shuffle_) return;
  RandomNumbers random(global_seed(), number);
  std::iota(order_.begin(), order_.end(), 0);
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
}

std::optional<SourceRows> ArrayBatches::next() {
  if (steps_per_epoch_ > 0 && step_ == steps_per_epoch_) return {};
  if (steps_per_epoch_ > 0 && begin_ == source_.rows()) begin_pass();
  const int64_t count = std::min(batch_size_, source_.rows() - begin_);
  if (count <= 0) return {};
  ++step_;
  const int64_t* rows = &order_[static_cast<size_t>(begin_)];
  begin_ += count;
  return SourceRows{&source_, rows, count, count == std::min(batch_size_, source_.rows())};
}

// ---- pipelines -------------------------------------------------------------------------------------------------------
PipelineBatches::PipelineBatches(const Pipeline& pipeline, int64_t batch_size, int64_t steps_per_epoch, bool weights,
                                 MakeSource make)
    : pipeline_(pipeline.is_batched() ? pipeline : pipeline.batch(batch_size)),
      steps_per_epoch_(steps_per_epoch),
      weights_(weights),
      make_(std::move(make)) {
  if (pipeline.is_endless() && steps_per_epoch == 0)
    throw Error("the pipeline repeats without end: give fit() steps_per_epoch, or a part of the pipeline by take()",
                Fault::usage);
}

std::optional<int64_t> PipelineBatches::size() const {
  return steps_per_epoch_ > 0 ? std::optional(steps_per_epoch_) : pipeline_.size();
}

void PipelineBatches::begin_epoch(int64_t) {
  step_ = 0;
  if (steps_per_epoch_ == 0 || !run_) run_ = pipeline_.run();
}

// With steps_per_epoch a run that ends is followed by another one.
std::optional<Sample> PipelineBatches::next_sample() {
  if (steps_per_epoch_ > 0 && step_ == steps_per_epoch_) return {};
  std::optional<Sample> sample = run_();
  if (sample || steps_per_epoch_ == 0) return sample;
  run_ = pipeline_.run();
  return run_();
}

std::optional<SourceRows> PipelineBatches::next() {
  const std::optional<Sample> sample = next_sample();
  if (!sample) {
    if (step_ == 0) throw Error("the pipeline gives no samples", Fault::usage);
    return {};
  }
  ++step_;
  source_ = make_(*sample);
  rows_.resize(static_cast<size_t>(source_.rows()));
  std::iota(rows_.begin(), rows_.end(), 0);
  if (first_count_ == 0) first_count_ = source_.rows();
  return SourceRows{&source_, rows_.data(), source_.rows(), source_.rows() == first_count_};
}

}  // namespace cnnc::dsl
