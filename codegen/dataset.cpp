#include "codegen/dataset.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/error.h"

namespace cnnc::codegen {

static size_t row_bytes(const Tensor& tensor) {
  return tensor.bytes() / static_cast<size_t>(std::max<int64_t>(tensor.shape()[0], 1));
}

static const char* row(const Tensor& tensor, int64_t index) {
  return tensor.data<char>() + static_cast<size_t>(index) * row_bytes(tensor);
}

static Tensor rows_of(const Tensor& tensor, int64_t begin, int64_t end) {
  Shape shape = tensor.shape();
  shape[0] = end - begin;
  return Tensor(tensor.dtype(), shape, std::make_shared<const Tensor>(tensor), row(tensor, begin));
}

Dataset Dataset::part(int64_t begin, int64_t end) const {
  Dataset result{rows_of(samples, begin, end), rows_of(labels, begin, end), std::nullopt};
  if (weights) result.weights = rows_of(*weights, begin, end);
  return result;
}

void check_rows(const Dataset& data) {
  const auto rows = [](const char* what, const Tensor& tensor) {
    if (tensor.shape().empty())
      throw Error(cat("the ", what, " are one number, need one row for each sample"), Fault::usage);
    return tensor.shape()[0];
  };
  const int64_t count = rows("data", data.samples);
  if (count == 0) throw Error("the data have no samples", Fault::usage);
  const auto same = [&](const char* what, int64_t found) {
    if (found != count)
      throw Error(cat("there are ", found, " ", what, " for ", count, " samples"), Fault::usage);
  };
  same("labels", rows("labels", data.labels));
  if (data.weights) same("sample weights", rows("sample weights", *data.weights));
}

void check_classes(const Tensor& labels, int64_t classes) {
  const int64_t per_row = labels.size() / std::max<int64_t>(labels.shape()[0], 1);
  for (int64_t i = 0; i < labels.size(); ++i) {
    const int64_t label = labels.as_int(i);
    if (label < 0 || label >= classes)
      throw Error(cat("label ", label, " of sample ", i / per_row, " is out of range; the model has ",
                      classes, " classes, 0 to ", classes - 1),
                  Fault::usage);
  }
}

// The class of a row of labels: its number, or the position of the greatest element.
static int64_t class_of(const Tensor& labels, int64_t sample) {
  const int64_t per_row = labels.size() / labels.shape()[0], first = sample * per_row;
  if (per_row == 1) return labels.as_int(first);
  int64_t best = 0;
  for (int64_t k = 1; k < per_row; ++k)
    if (labels.as_double(first + k) > labels.as_double(first + best)) best = k;
  return best;
}

Tensor weighted_by_class(const Dataset& data,
                         const std::vector<std::pair<int64_t, double>>& classes) {
  Tensor weights(DType::f32, {data.count()});
  for (int64_t i = 0; i < data.count(); ++i) {
    double weight = data.weights ? data.weights->as_double(i) : 1;
    const int64_t found = class_of(data.labels, i);
    for (const auto& [label, factor] : classes)
      if (label == found) weight *= factor;
    weights.set_double(i, weight);
  }
  return weights;
}

// ---- batches -----------------------------------------------------------------------------------

int64_t Batches::size(int64_t batch) const {
  return std::min(batch_size_, data_.count() - batch * batch_size_);
}

static uint64_t split_mix(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void Batches::shuffle(uint64_t seed, int64_t epoch) {
  order_.resize(static_cast<size_t>(data_.count()));
  std::iota(order_.begin(), order_.end(), 0);
  uint64_t state = seed;
  state = split_mix(state) + static_cast<uint64_t>(epoch);
  for (size_t i = order_.size(); i > 1; --i) {
    // The upper half of the product is uniform enough below 2^32 samples.
    const auto k = static_cast<size_t>(((split_mix(state) >> 32) * i) >> 32);
    std::swap(order_[i - 1], order_[k]);
  }
}

const void* Batches::rows(const Tensor& tensor, int64_t batch, std::vector<char>& copy) const {
  const int64_t first = batch * batch_size_;
  if (order_.empty()) return row(tensor, first);
  const size_t bytes = row_bytes(tensor);
  copy.resize(bytes * static_cast<size_t>(size(batch)));
  for (int64_t i = 0; i < size(batch); ++i)
    std::memcpy(copy.data() + static_cast<size_t>(i) * bytes,
                row(tensor, order_[static_cast<size_t>(first + i)]), bytes);
  return copy.data();
}

BatchView Batches::batch(int64_t index) {
  BatchView view;
  view.inputs = {rows(data_.samples, index, samples_)};
  view.labels = rows(data_.labels, index, labels_);
  if (data_.weights) view.weights = rows(*data_.weights, index, weights_);
  return view;
}

}  // namespace cnnc::codegen
