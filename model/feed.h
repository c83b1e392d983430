// Arrays of samples as the inputs of a model.
#pragma once
#include <string>
#include <vector>

#include "frontend/dsl/definition.h"

namespace cnnc::dsl {

// An array that a model's input is fed from: its rows have the input's shape and can be converted to its type.
class Feed {
 public:
  // `what` names the input in messages. Sizes must agree, but for axes of size 1. Throws Error.
  Feed(Array array, const Type& type, std::string what);

  // The sizes of a sample, as the input has them.
  const cnnc::Shape& row() const { return row_; }
  int64_t rows() const { return array_.rows(); }
  // Rows [begin, end), without a copy where no conversion is needed.
  cnnc::Tensor rows(int64_t begin, int64_t end) const;
  // These rows in this order, into a tensor that is made anew when its shape is another one.
  void take(const int64_t* rows, int64_t count, cnnc::Tensor& into) const;

 private:
  void convert(const void* from, int64_t elements, void* to) const;

  Array array_;
  DType dtype_;
  cnnc::Shape row_;  // of the input, without the batch
  bool same_;        // bytes are passed as they are
};

}  // namespace cnnc::dsl
