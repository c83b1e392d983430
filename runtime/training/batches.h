// The order in which training takes samples, and the samples of each batch.
#ifndef RUNTIME_TRAINING_BATCHES_H_
#define RUNTIME_TRAINING_BATCHES_H_

#include <stdint.h>

#include "runtime/array.h"
#include "runtime/cnnc.h"
#include "runtime/error_text.h"
#include "runtime/npy.h"

namespace cnnc {

// Rows of all tensors that belong to one sample: the model's inputs, the labels, maybe a weight.
struct Samples {
  static constexpr int32_t kMostInputs = 16;

  int32_t input_count = 0;
  cnnc_tensor_view inputs[kMostInputs] = {};
  const char* names[kMostInputs] = {};  // of the inputs, for messages; must outlive this
  // Where an input's rows are when they are not in memory (its view has no data then), and the row of the first sample.
  const NpyFile* files[kMostInputs] = {};
  int64_t first_row = 0;
  cnnc_tensor_view labels = {};
  cnnc_tensor_view weights = {}; // f32[count]; data is NULL without them

  int64_t count() const { return labels.dims[0]; }
};

// What a step reads; contiguous rows.
struct Batch {
  int64_t size = 0;
  const void* inputs[Samples::kMostInputs] = {};
  const void *labels = nullptr, *weights = nullptr;
};

// The samples that one of several processes takes of every batch: its part of the rows.
struct Shard {
  int32_t index = 0, count = 1;

  int64_t begin(int64_t rows) const { return rows * index / count; }
  int64_t size(int64_t rows) const { return rows * (index + 1) / count - begin(rows); }
};

class Batches {
 public:
  // `samples` must outlive this. False when memory is short.
  bool create(const Samples* samples, int64_t batch_size, Shard shard, ErrorText* error);

  int64_t count() const { return (samples_->count() + batch_size_ - 1) / batch_size_; }
  // Samples of the whole batch.
  int64_t size(int64_t index) const;
  // The part of it that is this shard's, from 0 to 1.
  double share(int64_t index) const;

  // Another order for every epoch, which the seed and the epoch decide. Without a call rows stay in
  // their order.
  bool shuffle(uint64_t seed, int64_t epoch, ErrorText* error);

  // This shard's part of a batch; a batch of fewer samples than shards leaves some a sample that their share of 0 takes
  // out again. Valid until the next call. False with a message where a file cannot be read.
  bool batch(int64_t index, Batch* out, ErrorText* error);

 private:
  const void* rows(const cnnc_tensor_view& tensor, int64_t first, int64_t count, Array<char>* copy) const;
  bool read_rows(int32_t input, int64_t first, int64_t count, ErrorText* error);

  const Samples* samples_ = nullptr;
  int64_t batch_size_ = 1;
  Shard shard_;
  Array<int64_t> order_; // empty: as they are
  Array<char> inputs_[Samples::kMostInputs], labels_, weights_;
};

// Whether all tensors have the same number of rows, and some.
bool check_rows(const Samples& samples, ErrorText* error);
// Whether integer labels are in [0, classes).
bool check_classes(const cnnc_tensor_view& labels, int64_t classes, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_TRAINING_BATCHES_H_
