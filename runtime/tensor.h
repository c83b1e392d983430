// A dense array of numbers in row-major order: constants, test data, and what the interpreter computes.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "runtime/dtype.h"

namespace cnnc {

using Shape = std::vector<int64_t>;

// Number of elements; 1 for a scalar. The caller has checked that it does not overflow.
int64_t element_count(const Shape& shape);

class Tensor {
 public:
  Tensor() = default;
  // Zero-filled, owned, aligned to 64 bytes.
  Tensor(DType dtype, Shape shape);
  // Bytes that somebody else owns, e.g. a mapped file; `owner` keeps them alive.
  Tensor(DType dtype, Shape shape, std::shared_ptr<const void> owner, const void* bytes);

  template <typename T>
  static Tensor of(DType dtype, Shape shape, const std::vector<T>& values) {
    Tensor t(dtype, std::move(shape));
    std::copy(values.begin(), values.end(), t.mutable_data<T>());
    return t;
  }
  // The tensor owns copies of the texts.
  static Tensor strings(Shape shape, const std::vector<std::string>& texts);
  static Tensor ints(const std::vector<int64_t>& values);  // i64, rank 1
  // A rank-0 tensor holding `value` converted to `dtype`.
  static Tensor scalar(DType dtype, double value);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t size() const { return element_count(shape_); }
  size_t bytes() const { return static_cast<size_t>(size()) * size_of(dtype_); }

  const void* raw() const { return bytes_; }
  // Copies the bytes first when they are shared or not owned; strings with their texts.
  void* mutable_raw();
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(bytes_);
  }
  template <typename T>
  T* mutable_data() {
    return static_cast<T*>(mutable_raw());
  }

  // A tensor of which only a hash of the content is known, as the text form of big constants has it: raw() is null.
  static Tensor elided(DType dtype, Shape shape, uint64_t content_hash);
  bool is_elided() const { return elided_; }
  // 64-bit hash of the bytes.
  uint64_t content_hash() const;

  // An element of a tensor of strings; an element that was never set is empty.
  const char* text(int64_t index) const;
  // Elements and texts that lie at `data`.
  static Tensor copy_of(DType dtype, Shape shape, const void* data);
  // This tensor with texts of its own, where the elements point at texts that others own.
  Tensor with_own_texts() const;

  // One element as double or as int64 (floats are truncated, of complex numbers the real part); any dtype but string.
  double as_double(int64_t index) const;
  int64_t as_int(int64_t index) const;
  void set_double(int64_t index, double value);
  void set_int(int64_t index, int64_t value);

  // The same bytes under another shape of equal size.
  Tensor reshaped(Shape shape) const;
  // The same bytes as elements of another type, e.g. complex numbers as twice as many real ones.
  Tensor viewed_as(DType dtype, Shape shape) const;
  // Same dtype, shape and bits; strings of the same texts.
  bool identical(const Tensor& other) const;

 private:
  DType dtype_ = DType::f32;
  Shape shape_{0};
  std::shared_ptr<const void> owner_;
  const void* bytes_ = nullptr;
  bool owned_ = false;
  bool elided_ = false;
  uint64_t elided_hash_ = 0;
};

// IEEE binary16 and bfloat16, round to nearest even.
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
// Rounds once, straight from double (no double rounding through f32).
uint16_t f64_to_f16(double value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);
uint16_t f64_to_bf16(double value);

}  // namespace cnnc
