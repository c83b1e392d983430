// Data that come piece by piece: read, varied and put together while a model learns from them.
//
//   Pipeline train = Pipeline(data::cifar10("data").train)
//                        .shuffle(10000)
//                        .map([](Sample s) { s.x[0] = my_augmentation(s.x[0]); return s; })
//                        .batch(32)
//                        .prefetch();   // on another core
//   model.fit(train, {.epochs = 10});
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "cnnc/array.h"

namespace cnnc::dsl {

// Arrays for the inputs of a model and what its outputs should give: of one sample, without the axis of the batch, or of
// a batch, with it.
using Sample = Samples;

// A recipe for a sequence of samples, from which it can be run many times. Copies share what it is made of. Faults of
// functions and files come out where the samples are taken.
class Pipeline {
 public:
  // Gives the next sample, or nothing at the end.
  using Next = std::function<std::optional<Sample>()>;

  // The rows of a data set, of one input and output or of several.
  explicit Pipeline(const Samples& data);
  explicit Pipeline(const Dataset& data) : Pipeline(Samples(data)) {}
  // `start` is called whenever the sequence begins anew.
  explicit Pipeline(std::function<Next()> start, std::optional<int64_t> size = {});

  // Takes the samples from a buffer that is filled in their order, each time one at random: another order in each run,
  // decided by the seed and the number of runs so far. A buffer of all samples gives every order.
  Pipeline shuffle(int64_t buffer, uint64_t seed = 0) const;
  Pipeline map(std::function<Sample(Sample)> function) const;
  Pipeline filter(std::function<bool(const Sample&)> keep) const;
  // Puts samples of one type and shape together, the last, smaller batch too unless it is dropped.
  Pipeline batch(int64_t size, bool drop_remainder = false) const;
  // Works ahead on another thread: at most so many samples or batches.
  Pipeline prefetch(int64_t count = 2) const;
  Pipeline take(int64_t count) const;
  Pipeline skip(int64_t count) const;
  Pipeline repeat() const;  // without end
  Pipeline repeat(int64_t count) const;
  Pipeline concatenate(const Pipeline& after) const;

  // How many samples or batches a run gives, where that is known before.
  std::optional<int64_t> size() const { return size_; }
  bool is_batched() const { return batched_; }
  // Whether a run surely has no end, because of repeat().
  bool is_endless() const { return endless_; }
  // A run from the beginning.
  Next run() const { return start_(); }

  // for (const Sample& sample : pipeline)
  class Iterator {
   public:
    explicit Iterator(Next next) : next_(std::move(next)) { ++*this; }
    const Sample& operator*() const { return *current_; }
    Iterator& operator++() {
      current_ = next_();
      return *this;
    }
    bool operator!=(std::nullptr_t) const { return current_.has_value(); }

   private:
    Next next_;
    std::optional<Sample> current_;
  };
  Iterator begin() const { return Iterator(run()); }
  std::nullptr_t end() const { return nullptr; }

 private:
  Pipeline with(std::function<Next()> start, std::optional<int64_t> size) const;

  std::function<Next()> start_;
  std::optional<int64_t> size_;
  bool batched_ = false, endless_ = false;
};

}  // namespace cnnc::dsl
