#include "model/feed.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"

namespace cnnc::dsl {

// Sizes without axes of size 1.
static Shape squeezed(const Shape& shape) {
  Shape result;
  for (const int64_t size : shape)
    if (size != 1) result.push_back(size);
  return result;
}

// The sizes of a sample as the input has them; free sizes take the data's.
static Shape row_shape(const Shape& given, const Type& type) {
  Shape wanted;
  for (size_t i = 1; i < type.dims.size(); ++i) {
    const bool known = type.dims[i].is_const();
    wanted.push_back(known ? type.dims[i].value() : i - 1 < given.size() ? given[i - 1] : 1);
  }
  return wanted;
}

Feed::Feed(Array array, const Type& type, std::string what) : array_(std::move(array)), dtype_(type.dtype) {
  const Shape& shape = array_.shape();
  if (shape.empty()) throw Error(cat(what, " is one number, need an array of samples"), Fault::usage);
  if (shape[0] == 0) throw Error(cat(what, " has no samples: ", array_.type()), Fault::usage);
  const Shape given(shape.begin() + 1, shape.end());
  row_ = row_shape(given, type);
  if (squeezed(given) != squeezed(row_))
    throw Error(cat(what, " is ", array_.type(), ", need ", type), Fault::usage);
  const DType from = array_.storage().tensor.dtype();
  if (is_int(dtype_) && (is_float(from) || array_.scale() != 1))
    throw Error(cat(what, " is ", array_.type(), ", need integers for ", type), Fault::usage);
  same_ = from == dtype_ && array_.scale() == 1;
}

void Feed::convert(const void* from, int64_t elements, void* to) const {
  const DType type = array_.storage().tensor.dtype();
  if (same_) {
    std::memcpy(to, from, static_cast<size_t>(elements) * size_of(dtype_));
  } else if (type == DType::u8 && dtype_ == DType::f32) {
    scale_bytes(static_cast<const uint8_t*>(from), elements, static_cast<float>(array_.scale()),
                static_cast<float*>(to));
  } else {
    const cnnc::Tensor source(type, {elements}, nullptr, from);
    cnnc::Tensor copy(dtype_, {elements});
    for (int64_t i = 0; i < elements; ++i)
      if (is_float(dtype_)) copy.set_double(i, source.as_double(i) * array_.scale());
      else copy.set_int(i, source.as_int(i));
    std::memcpy(to, copy.raw(), copy.bytes());
  }
}

static cnnc::Shape with_rows(int64_t rows, const cnnc::Shape& row) {
  cnnc::Shape shape{rows};
  shape.insert(shape.end(), row.begin(), row.end());
  return shape;
}

cnnc::Tensor Feed::rows(int64_t begin, int64_t end) const {
  const cnnc::Tensor part = rows_of(array_.storage().tensor, begin, end);
  if (same_) return part.reshaped(with_rows(end - begin, row_));
  cnnc::Tensor result(dtype_, with_rows(end - begin, row_));
  convert(part.raw(), part.size(), result.mutable_raw());
  return result;
}

// Rows of a shuffled order lie anywhere in memory: asked for a few rows ahead, they have arrived when their turn comes.
static void prefetch(const char* row, size_t bytes) {
  constexpr size_t kCacheLine = 64, kMost = 4096;
  for (size_t i = 0; i < std::min(bytes, kMost); i += kCacheLine) __builtin_prefetch(row + i);
}

void Feed::take(const int64_t* rows, int64_t count, cnnc::Tensor& into) const {
  const cnnc::Shape shape = with_rows(count, row_);
  if (into.dtype() != dtype_ || into.shape() != shape) into = cnnc::Tensor(dtype_, shape);
  const int64_t elements = element_count(row_);
  const auto* from = static_cast<const char*>(array_.storage().tensor.raw());
  const size_t from_bytes = static_cast<size_t>(elements) * size_of(array_.storage().tensor.dtype());
  char* to = static_cast<char*>(into.mutable_raw());
  constexpr int64_t kAhead = 4;
  const auto fetch = [&](int64_t i) { prefetch(from + static_cast<size_t>(rows[i]) * from_bytes, from_bytes); };
  for (int64_t i = 0; i < std::min(count, kAhead); ++i) fetch(i);
  for (int64_t i = 0; i < count; ++i) {
    if (i + kAhead < count) fetch(i + kAhead);
    convert(from + static_cast<size_t>(rows[i]) * from_bytes, elements, to);
    to += static_cast<size_t>(elements) * size_of(dtype_);
  }
}

}  // namespace cnnc::dsl
