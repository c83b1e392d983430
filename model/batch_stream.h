// The batches of an epoch, from arrays or from a pipeline.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "cnnc/pipeline.h"
#include "model/source.h"

namespace cnnc::dsl {

class BatchStream {
 public:
  virtual ~BatchStream() = default;
  // How many batches an epoch has; nothing when only its end tells.
  virtual std::optional<int64_t> size() const = 0;
  // Whether samples have weights.
  virtual bool has_weights() const = 0;
  // `epochs` are those that the model has seen: another order in each of them.
  virtual void begin_epoch(int64_t epochs) = 0;
  // Valid until the next one is asked for.
  virtual std::optional<SourceRows> next() = 0;
};

// Consecutive rows, or rows in an order that the global seed and the number of epochs decide. With `steps_per_epoch` an
// epoch is so many batches, and the next one goes on behind them; rows that are used up begin anew, in another order.
class ArrayBatches : public BatchStream {
 public:
  ArrayBatches(Source source, int64_t batch_size, bool shuffle, int64_t steps_per_epoch = 0);
  std::optional<int64_t> size() const override;
  bool has_weights() const override { return source_.has_weights(); }
  void begin_epoch(int64_t epochs) override;
  std::optional<SourceRows> next() override;

 private:
  void begin_pass();

  Source source_;
  int64_t batch_size_, steps_per_epoch_, step_ = 0;
  int64_t begin_;                  // of the next batch
  int64_t epochs_ = 0, pass_ = 0;  // through all rows, of those that begin in an epoch
  bool shuffle_;
  std::vector<int64_t> order_;
};

// Samples of a pipeline are put together in batches of `batch_size` unless it gives batches itself. With
// `steps_per_epoch` an epoch is so many batches, and the next one goes on behind them.
class PipelineBatches : public BatchStream {
 public:
  using MakeSource = std::function<Source(const Sample&)>;
  PipelineBatches(const Pipeline& pipeline, int64_t batch_size, int64_t steps_per_epoch, bool weights, MakeSource make);
  std::optional<int64_t> size() const override;
  bool has_weights() const override { return weights_; }
  void begin_epoch(int64_t epochs) override;
  std::optional<SourceRows> next() override;

 private:
  std::optional<Sample> next_sample();

  Pipeline pipeline_;
  int64_t steps_per_epoch_, step_ = 0;
  bool weights_;
  MakeSource make_;
  Pipeline::Next run_;
  Source source_;
  std::vector<int64_t> rows_;
  int64_t first_count_ = 0;  // samples of the first batch
};

}  // namespace cnnc::dsl
