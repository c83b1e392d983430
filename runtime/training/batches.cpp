#include "runtime/training/batches.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/host_tensor.h"
#include "runtime/output_summary.h"

namespace cnnc {
namespace {

size_t row_bytes(const cnnc_tensor_view& tensor) {
  return static_cast<size_t>(tensor_bytes(tensor.dtype, tensor.rank - 1, tensor.dims + 1));
}

// Rows in random order come from memory; what follows the start of one the processor fetches ahead by itself.
void prefetch_start(const char* row, size_t bytes) {
  constexpr size_t kMost = 4096, kLine = 64;
  for (size_t at = 0; at < bytes && at < kMost; at += kLine) __builtin_prefetch(row + at);
}

uint64_t split_mix(uint64_t* state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

bool check_count(const char* what, const cnnc_tensor_view& tensor, int64_t count,
                 ErrorText* error) {
  if (tensor.rank == 0) {
    return error->set("the %s are one number, need one row for each sample", what);
  }
  return count < 0 || tensor.dims[0] == count ||
         error->set("there are %lld %s for %lld samples", static_cast<long long>(tensor.dims[0]),
                    what, static_cast<long long>(count));
}

} // namespace

bool check_rows(const Samples& samples, ErrorText* error) {
  const cnnc_tensor_view& first = samples.inputs[0];
  if (!check_count("data", first, -1, error)) return false;
  const int64_t count = first.dims[0];
  if (count == 0) return error->set("the data have no samples");
  for (int32_t i = 1; i < samples.input_count; ++i) {
    char what[256];
    snprintf(what, sizeof what, "rows of input '%s'", samples.names[i] ? samples.names[i] : "");
    if (!check_count(what, samples.inputs[i], count, error)) return false;
  }
  if (!check_count("labels", samples.labels, count, error)) return false;
  return !samples.weights.data || check_count("sample weights", samples.weights, count, error);
}

bool check_classes(const cnnc_tensor_view& labels, int64_t classes, ErrorText* error) {
  const int64_t rows = labels.dims[0], count = element_count(labels.rank, labels.dims);
  for (int64_t i = 0; i < count; ++i) {
    const double label = element_value(labels.dtype, labels.data, i);
    if (label >= 0 && label < static_cast<double>(classes)) continue;
    return error->set("label %.0f of sample %lld is out of range; the model has %lld classes, "
                      "0 to %lld",
                      label, static_cast<long long>(i / (count / rows)),
                      static_cast<long long>(classes), static_cast<long long>(classes - 1));
  }
  return true;
}

bool Batches::create(const Samples* samples, int64_t batch_size, Shard shard, ErrorText* error) {
  samples_ = samples;
  batch_size_ = batch_size;
  shard_ = shard;
  const auto rows = static_cast<size_t>(batch_size < samples->count() ? batch_size
                                                                      : samples->count());
  bool ok = labels_.allocate(rows * row_bytes(samples->labels));
  for (int32_t i = 0; i < samples->input_count; ++i) {
    ok = ok && inputs_[i].allocate(rows * row_bytes(samples->inputs[i]));
  }
  if (samples->weights.data) ok = ok && weights_.allocate(rows * sizeof(float));
  return ok || error->set("out of memory: a batch of %zu samples does not fit", rows);
}

int64_t Batches::size(int64_t index) const {
  const int64_t left = samples_->count() - index * batch_size_;
  return left < batch_size_ ? left : batch_size_;
}

double Batches::share(int64_t index) const {
  return static_cast<double>(shard_.size(size(index))) / static_cast<double>(size(index));
}

// Fisher-Yates.
bool Batches::shuffle(uint64_t seed, int64_t epoch, ErrorText* error) {
  const auto count = static_cast<size_t>(samples_->count());
  if (order_.size() != count && !order_.allocate(count)) return error->set("out of memory");
  for (size_t i = 0; i < count; ++i) order_[i] = static_cast<int64_t>(i);
  uint64_t state = seed;
  state = split_mix(&state) + static_cast<uint64_t>(epoch);
  for (size_t i = count; i > 1; --i) {
    // The upper half of the product is uniform enough below 2^32 samples.
    const auto k = static_cast<size_t>(((split_mix(&state) >> 32) * i) >> 32);
    const int64_t other = order_[k];
    order_[k] = order_[i - 1];
    order_[i - 1] = other;
  }
  return true;
}

const void* Batches::rows(const cnnc_tensor_view& tensor, int64_t first, int64_t count,
                          Array<char>* copy) const {
  const size_t bytes = row_bytes(tensor);
  const auto* data = static_cast<const char*>(tensor.data);
  if (order_.size() == 0) return data + static_cast<size_t>(first) * bytes;
  const auto row = [&](int64_t i) { return data + static_cast<size_t>(order_[static_cast<size_t>(first + i)]) * bytes; };
  for (int64_t i = 0; i < count; ++i) {
    if (i + 1 < count) prefetch_start(row(i + 1), bytes);
    memcpy(copy->data() + static_cast<size_t>(i) * bytes, row(i), bytes);
  }
  return copy->data();
}

// In the order of the file they are read at once.
bool Batches::read_rows(int32_t input, int64_t first, int64_t count, ErrorText* error) {
  const NpyFile& file = *samples_->files[input];
  const size_t bytes = row_bytes(samples_->inputs[input]);
  const auto offset = [&](int64_t row) { return static_cast<size_t>(samples_->first_row + row) * bytes; };
  char* to = inputs_[input].data();
  if (order_.size() == 0) return file.read(offset(first), static_cast<size_t>(count) * bytes, to, error);
  for (int64_t i = 0; i < count; ++i, to += bytes) {
    if (!file.read(offset(order_[static_cast<size_t>(first + i)]), bytes, to, error)) return false;
  }
  return true;
}

bool Batches::batch(int64_t index, Batch* out, ErrorText* error) {
  const int64_t all = size(index), own = shard_.size(all);
  const int64_t first = index * batch_size_ + (own > 0 ? shard_.begin(all) : 0);
  Batch& batch = *out;
  batch.size = own > 0 ? own : 1;
  for (int32_t i = 0; i < samples_->input_count; ++i) {
    if (samples_->files[i]) {
      if (!read_rows(i, first, batch.size, error)) return false;
      batch.inputs[i] = inputs_[i].data();
    } else {
      batch.inputs[i] = rows(samples_->inputs[i], first, batch.size, &inputs_[i]);
    }
  }
  batch.labels = rows(samples_->labels, first, batch.size, &labels_);
  if (samples_->weights.data) batch.weights = rows(samples_->weights, first, batch.size, &weights_);
  return true;
}

} // namespace cnnc
