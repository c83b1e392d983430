// Samples with their labels, and the order in which training takes them.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "codegen/step_program.h"
#include "runtime/tensor.h"

namespace cnnc::codegen {

struct Dataset {
  Tensor samples, labels;         // rows of one axis-0 size
  std::optional<Tensor> weights;  // f32, one number for each sample

  int64_t count() const { return samples.shape()[0]; }
  // Samples [begin, end), without copying.
  Dataset part(int64_t begin, int64_t end) const;
};

// Throws Error (Fault::usage) when the parts have different numbers of rows, or none.
void check_rows(const Dataset& data);
// Throws Error (Fault::usage) for a label outside of [0, classes).
void check_classes(const Tensor& labels, int64_t classes);
// Weight of each sample: the weight of its class times what `weights` has. Labels are class numbers,
// or rows of which the greatest element is the class.
Tensor weighted_by_class(const Dataset& data, const std::vector<std::pair<int64_t, double>>& classes);

// Batches of a data set: consecutive rows, or rows in a shuffled order that seed and epoch decide.
class Batches {
 public:
  Batches(const Dataset& data, int64_t batch_size) : data_(data), batch_size_(batch_size) {}

  int64_t count() const { return (data_.count() + batch_size_ - 1) / batch_size_; }
  int64_t size(int64_t batch) const;
  void shuffle(uint64_t seed, int64_t epoch);
  // Valid until the next call.
  BatchView batch(int64_t index);

 private:
  const void* rows(const Tensor& tensor, int64_t batch, std::vector<char>& copy) const;

  const Dataset& data_;
  int64_t batch_size_;
  std::vector<int64_t> order_;  // empty: as they are
  std::vector<char> samples_, labels_, weights_;
};

}  // namespace cnnc::codegen
