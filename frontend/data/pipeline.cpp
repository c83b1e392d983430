#include "cnnc/pipeline.h"

#include <algorithm>
#include <cstring>

#include "frontend/data/prefetcher.h"
#include "frontend/dsl/definition.h"
#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace cnnc::dsl {

static void require_positive(const char* what, int64_t count) {
  if (count <= 0) throw Error(cat("Pipeline: ", what, " is ", count, ", need a positive number"), Fault::usage);
}

// ---- beginnings ------------------------------------------------------------------------------------------------------
static int64_t common_rows(const Arrays& x, const Arrays& y) {
  if (x.empty()) throw Error("Pipeline: was given no inputs", Fault::usage);
  for (const Arrays* list : {&x, &y})
    for (const Array& array : *list)
      if (array.shape().empty() || array.rows() != x[0].rows())
        throw Error(cat("Pipeline: arrays have different numbers of samples: ", x[0].type(), " and ", array.type()),
                    Fault::usage);
  return x[0].rows();
}

// One row without the first axis; the elements are shared.
static Array row(const Array& array, int64_t index) {
  return array.slice(index, index + 1).reshaped(Shape(array.shape().begin() + 1, array.shape().end()));
}

static Arrays rows(const Arrays& arrays, int64_t index) {
  Arrays result;
  for (const Array& array : arrays) result.push_back(row(array, index));
  return result;
}

Pipeline::Pipeline(const Samples& data) : size_(common_rows(data.x, data.y)) {
  start_ = [x = data.x, y = data.y, count = *size_]() -> Next {
    return [=, i = int64_t{0}]() mutable -> std::optional<Sample> {
      if (i == count) return {};
      Sample sample{rows(x, i), rows(y, i)};
      ++i;
      return sample;
    };
  };
}

Pipeline::Pipeline(std::function<Next()> start, std::optional<int64_t> size) : start_(std::move(start)), size_(size) {}

Pipeline Pipeline::with(std::function<Next()> start, std::optional<int64_t> size) const {
  Pipeline result(std::move(start), size);
  result.batched_ = batched_;
  result.endless_ = endless_;
  return result;
}

// ---- order and number ------------------------------------------------------------------------------------------------
Pipeline Pipeline::shuffle(int64_t buffer, uint64_t seed) const {
  require_positive("the buffer of shuffle", buffer);
  const auto runs = std::make_shared<uint64_t>(0);
  return with(
      [start = start_, buffer, seed, runs]() -> Next {
        return [next = start(), random = RandomNumbers(seed, (*runs)++), held = std::vector<Sample>(), buffer,
                ended = false]() mutable -> std::optional<Sample> {
          while (!ended && static_cast<int64_t>(held.size()) < buffer) {
            if (auto sample = next()) held.push_back(std::move(*sample));
            else ended = true;
          }
          if (held.empty()) return {};
          std::swap(held[random.below(held.size())], held.back());
          Sample chosen = std::move(held.back());
          held.pop_back();
          return chosen;
        };
      },
      size_);
}

Pipeline Pipeline::take(int64_t count) const {
  if (count < 0) throw Error(cat("Pipeline: take was given ", count), Fault::usage);
  Pipeline result = with(
      [start = start_, count]() -> Next {
        return [next = start(), left = count]() mutable -> std::optional<Sample> {
          if (left == 0) return {};
          --left;
          return next();
        };
      },
      size_ ? std::min(*size_, count) : size_);
  result.endless_ = false;
  return result;
}

Pipeline Pipeline::skip(int64_t count) const {
  if (count < 0) throw Error(cat("Pipeline: skip was given ", count), Fault::usage);
  return with(
      [start = start_, count]() -> Next {
        return [next = start(), left = count]() mutable -> std::optional<Sample> {
          for (; left > 0; --left)
            if (!next()) return {};
          return next();
        };
      },
      size_ ? std::optional(std::max<int64_t>(0, *size_ - count)) : size_);
}

// A run that gives nothing ends the repetition, which would never end otherwise.
static Pipeline::Next repeated(const std::function<Pipeline::Next()>& start, std::optional<int64_t> count) {
  return [start, next = Pipeline::Next(), left = count]() mutable -> std::optional<Sample> {
    if (next) {
      if (auto sample = next()) return sample;
    }
    if (left && (*left)-- == 0) return left = 0, std::nullopt;
    next = start();
    auto sample = next();
    if (!sample) left = 0;
    return sample;
  };
}

Pipeline Pipeline::repeat() const {
  Pipeline result = with([start = start_] { return repeated(start, {}); }, {});
  result.endless_ = true;
  return result;
}

Pipeline Pipeline::repeat(int64_t count) const {
  require_positive("the count of repeat", count);
  return with([start = start_, count] { return repeated(start, count); }, size_ ? std::optional(*size_ * count) : size_);
}

Pipeline Pipeline::concatenate(const Pipeline& after) const {
  if (batched_ != after.batched_)
    throw Error("Pipeline: concatenate was given samples after batches, or batches after samples", Fault::usage);
  Pipeline result = with(
      [first = start_, second = after.start_]() -> Next {
        return [next = first(), second, is_second = false]() mutable -> std::optional<Sample> {
          auto sample = next();
          if (sample || is_second) return sample;
          is_second = true;
          next = second();
          return next();
        };
      },
      size_ && after.size_ ? std::optional(*size_ + *after.size_) : std::nullopt);
  result.endless_ |= after.endless_;
  return result;
}

// ---- functions -------------------------------------------------------------------------------------------------------
Pipeline Pipeline::map(std::function<Sample(Sample)> function) const {
  return with(
      [start = start_, function]() -> Next {
        return [next = start(), function]() -> std::optional<Sample> {
          auto sample = next();
          if (sample) sample = function(std::move(*sample));
          return sample;
        };
      },
      size_);
}

Pipeline Pipeline::filter(std::function<bool(const Sample&)> keep) const {
  return with(
      [start = start_, keep]() -> Next {
        return [next = start(), keep]() -> std::optional<Sample> {
          auto sample = next();
          while (sample && !keep(*sample)) sample = next();
          return sample;
        };
      },
      {});
}

// ---- batches ---------------------------------------------------------------------------------------------------------
static Array stacked(const std::vector<Sample>& samples, ArrayList Sample::*part, size_t index) {
  const Array& first = (samples[0].*part)[index];
  const cnnc::Tensor& like = first.storage().tensor;
  cnnc::Shape shape{static_cast<int64_t>(samples.size())};
  shape.insert(shape.end(), like.shape().begin(), like.shape().end());
  cnnc::Tensor result(like.dtype(), shape);
  auto* to = static_cast<char*>(result.mutable_raw());
  for (const Sample& sample : samples) {
    const Array& array = (sample.*part)[index];
    if (array.type() != first.type() || array.scale() != first.scale())
      throw Error(cat("Pipeline: samples of a batch differ: ", first.type(), " and ", array.type(),
                      first.type() == array.type() ? " of another scale" : ""),
                  Fault::usage);
    std::memcpy(to, array.storage().tensor.raw(), like.bytes());
    to += like.bytes();
  }
  return first.scale() == 1 ? array_of(std::move(result)) : array_of(std::move(result)).scaled(first.scale());
}

static Sample joined(const std::vector<Sample>& samples) {
  Sample batch;
  for (const Sample& sample : samples)
    if (sample.x.size() != samples[0].x.size() || sample.y.size() != samples[0].y.size())
      throw Error("Pipeline: samples of a batch have different numbers of arrays", Fault::usage);
  for (size_t i = 0; i < samples[0].x.size(); ++i) batch.x.push_back(stacked(samples, &Sample::x, i));
  for (size_t i = 0; i < samples[0].y.size(); ++i) batch.y.push_back(stacked(samples, &Sample::y, i));
  return batch;
}

Pipeline Pipeline::batch(int64_t size, bool drop_remainder) const {
  require_positive("the size of a batch", size);
  if (batched_) throw Error("Pipeline: batch was called on batches", Fault::usage);
  const auto count = [&](int64_t samples) { return drop_remainder ? samples / size : (samples + size - 1) / size; };
  Pipeline result(
      [start = start_, size, drop_remainder]() -> Next {
        return [next = start(), size, drop_remainder]() -> std::optional<Sample> {
          std::vector<Sample> samples;
          while (static_cast<int64_t>(samples.size()) < size) {
            auto sample = next();
            if (!sample) break;
            samples.push_back(std::move(*sample));
          }
          if (samples.empty() || (drop_remainder && static_cast<int64_t>(samples.size()) < size)) return {};
          return joined(samples);
        };
      },
      size_ ? std::optional(count(*size_)) : size_);
  result.batched_ = true;
  result.endless_ = endless_;
  return result;
}

Pipeline Pipeline::prefetch(int64_t count) const {
  require_positive("the count of prefetch", count);
  return with(
      [start = start_, count]() -> Next {
        const auto prefetcher = std::make_shared<Prefetcher>(start(), static_cast<size_t>(count));
        return [prefetcher] { return prefetcher->next(); };
      },
      size_);
}

}  // namespace cnnc::dsl
