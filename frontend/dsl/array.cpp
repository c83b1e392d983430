// Array: numbers in memory, over the runtime's tensors.
#include <cmath>
#include <cstring>
#include <numeric>

#include "frontend/dsl/definition.h"
#include "ir/error.h"
#include "runtime/tensor_file.h"

namespace cnnc::dsl {

template <typename T>
constexpr DType kTypeOf = DType::f32;
template <>
constexpr DType kTypeOf<double> = DType::f64;
template <>
constexpr DType kTypeOf<int8_t> = DType::i8;
template <>
constexpr DType kTypeOf<uint8_t> = DType::u8;
template <>
constexpr DType kTypeOf<int32_t> = DType::i32;
template <>
constexpr DType kTypeOf<int64_t> = DType::i64;
template <>
constexpr DType kTypeOf<bool> = DType::boolean;

static_assert(sizeof(bool) == 1);

static void require_sizes(const Shape& shape) {
  for (const int64_t size : shape)
    if (size < 0) throw Error(cat("the shape of an array has the size ", size, ", need 0 or more"), Fault::usage);
}

static Array with_scale(cnnc::Tensor tensor, double scale) {
  auto storage = std::make_shared<ArrayStorage>();
  storage->tensor = std::move(tensor);
  storage->scale = scale;
  return Array(std::move(storage));
}

Array array_of(cnnc::Tensor tensor) { return with_scale(std::move(tensor), 1); }

cnnc::Tensor joined_rows(const std::vector<cnnc::Tensor>& parts) {
  cnnc::Shape shape = parts[0].shape();
  shape[0] = 0;
  for (const cnnc::Tensor& part : parts) shape[0] += part.shape()[0];
  cnnc::Tensor result(parts[0].dtype(), shape);
  auto* to = static_cast<char*>(result.mutable_raw());
  for (const cnnc::Tensor& part : parts) {
    std::memcpy(to, part.raw(), part.bytes());
    to += part.bytes();
  }
  return result;
}

cnnc::Tensor rows_of(const cnnc::Tensor& tensor, int64_t begin, int64_t end) {
  cnnc::Shape shape = tensor.shape();
  const size_t row = shape[0] == 0 ? 0 : tensor.bytes() / static_cast<size_t>(shape[0]);
  shape[0] = end - begin;
  const auto owner = std::make_shared<cnnc::Tensor>(tensor);
  return cnnc::Tensor(tensor.dtype(), shape, owner,
                      static_cast<const char*>(tensor.raw()) + static_cast<size_t>(begin) * row);
}

Array::Array() : Array(array_of(cnnc::Tensor(DType::f32, {0}))) {}

const Shape& Array::shape() const { return storage_->tensor.shape(); }
int64_t Array::size() const { return storage_->tensor.size(); }
int64_t Array::rows() const { return shape().empty() ? 1 : shape()[0]; }
std::string Array::type() const { return type_of(storage_->tensor).str(); }
double Array::scale() const { return storage_->scale; }
Array Array::scaled(double factor) const { return with_scale(storage_->tensor, storage_->scale * factor); }

double Array::at(int64_t index) const {
  if (index < 0 || index >= size())
    throw Error(cat("element ", index, " of an array of ", size()), Fault::usage);
  const double value = storage_->tensor.as_double(index);
  return storage_->scale == 1 ? value : value * storage_->scale;
}

static void require_rows(const Array& array, int64_t begin, int64_t end) {
  if (array.shape().empty() || begin < 0 || begin > end || end > array.rows())
    throw Error(cat("rows ", begin, " to ", end, " of ", array.type()), Fault::usage);
}

Array Array::slice(int64_t begin, int64_t end) const {
  require_rows(*this, begin, end);
  return with_scale(rows_of(storage_->tensor, begin, end), storage_->scale);
}

Array Array::take(const std::vector<int64_t>& rows) const {
  Shape taken = shape();
  if (taken.empty()) throw Error(cat("rows of ", type()), Fault::usage);
  const size_t bytes = taken[0] == 0 ? 0 : storage_->tensor.bytes() / static_cast<size_t>(taken[0]);
  taken[0] = static_cast<int64_t>(rows.size());
  cnnc::Tensor result(storage_->tensor.dtype(), taken);
  char* to = static_cast<char*>(result.mutable_raw());
  const char* from = static_cast<const char*>(storage_->tensor.raw());
  for (const int64_t row : rows) {
    require_rows(*this, row, row + 1);
    std::memcpy(to, from + static_cast<size_t>(row) * bytes, bytes);
    to += bytes;
  }
  return with_scale(std::move(result), storage_->scale);
}

Array Array::reshaped(Shape to) const {
  require_sizes(to);
  const int64_t count = element_count(to);
  if (count != size()) throw Error(cat(type(), " cannot become an array of ", count, " elements"), Fault::usage);
  return with_scale(storage_->tensor.reshaped(std::move(to)), storage_->scale);
}

// At -O2 compilers leave loops alone whose number of steps they do not know; here vectors are ten times as fast.
__attribute__((target_clones("avx2", "default"), optimize("O3"))) void scale_bytes(
    const uint8_t* __restrict from, int64_t count, float factor, float* __restrict to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]) * factor;
}

Array Array::to_float() const {
  const cnnc::Tensor& from = storage_->tensor;
  if (from.dtype() == DType::f32 && storage_->scale == 1) return *this;
  cnnc::Tensor result(DType::f32, from.shape());
  float* to = result.mutable_data<float>();
  const auto factor = static_cast<float>(storage_->scale);
  if (from.dtype() == DType::u8) {
    scale_bytes(from.data<uint8_t>(), from.size(), factor, to);
  } else {
    for (int64_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from.as_double(i)) * factor;
  }
  return array_of(std::move(result));
}

Array Array::argmax() const {
  const cnnc::Tensor& from = storage_->tensor;
  if (from.shape().size() < 2 || from.size() == 0)
    throw Error(cat("argmax of ", type(), ", need rows of numbers"), Fault::usage);
  const int64_t columns = from.shape().back(), count = from.size() / columns;
  cnnc::Tensor result(DType::i64, cnnc::Shape(from.shape().begin(), from.shape().end() - 1));
  for (int64_t r = 0; r < count; ++r) {
    int64_t best = 0;
    for (int64_t c = 1; c < columns; ++c)
      if (from.as_double(r * columns + c) > from.as_double(r * columns + best)) best = c;
    result.set_int(r, best);
  }
  return array_of(std::move(result));
}

// ---- files -----------------------------------------------------------------------------------------------------------
// What elements of a file's type become, for arrays have fewer types.
static DType type_in_memory(DType in_file, const std::string& what) {
  switch (in_file) {
    case DType::f16: case DType::bf16: return DType::f32;
    case DType::u16: case DType::i16: return DType::i32;
    case DType::u32: return DType::i64;
    case DType::f32: case DType::f64: case DType::i8: case DType::u8: case DType::i32: case DType::i64: case DType::boolean:
      return in_file;
    default: throw Error(cat(what, ": holds elements of type ", name_of(in_file), ", need numbers of at most 63 bits"), Fault::file);
  }
}

Array array_from_file(const cnnc::Tensor& tensor, const std::string& what) {
  const DType type = type_in_memory(tensor.dtype(), what);
  if (type == tensor.dtype()) return array_of(tensor);
  cnnc::Tensor result(type, tensor.shape());
  for (int64_t i = 0; i < tensor.size(); ++i)
    if (is_float(type)) result.set_double(i, tensor.as_double(i));
    else result.set_int(i, tensor.as_int(i));
  return array_of(std::move(result));
}

Array Array::load(const std::string& path) {
  const auto host = std::make_shared<HostTensor>();
  ErrorText error;
  if (!path.ends_with(".npy"))
    throw Error(path + ": need a file whose name ends in .npy", Fault::file);
  if (!load_tensor(path.c_str(), host.get(), &error)) throw Error(error.text, Fault::file);
  return array_from_file({static_cast<DType>(host->dtype), cnnc::Shape(host->dims, host->dims + host->rank), host, host->data}, path);
}

void Array::save(const std::string& path) const {
  const Array plain = storage_->scale == 1 ? *this : to_float();
  const cnnc::Tensor& tensor = plain.storage_->tensor;
  HostTensor host;
  ErrorText error;
  host.dtype = static_cast<int32_t>(tensor.dtype());
  host.rank = static_cast<int32_t>(tensor.shape().size());
  std::copy(tensor.shape().begin(), tensor.shape().end(), host.dims);
  if (!path.ends_with(".npy")) throw Error(path + ": need a file name that ends in .npy", Fault::file);
  if (!host.allocate(&error)) throw Error(error.text, Fault::limit);
  std::memcpy(host.data, tensor.raw(), tensor.bytes());
  if (!save_tensor(path.c_str(), "", host, &error)) throw Error(error.text, Fault::file);
}

// ---- element types ---------------------------------------------------------------------------------------------------
template <typename T>
static void require_type(const Array& array) {
  if (array.storage().tensor.dtype() != kTypeOf<T>)
    throw Error(cat("elements of ", array.type(), " read as ", name_of(kTypeOf<T>)), Fault::usage);
}

template <typename T>
Array::Array(Shape shape, const std::vector<T>& values) {
  require_sizes(shape);
  if (element_count(shape) != static_cast<int64_t>(values.size()))
    throw Error(cat(values.size(), " values for ", Type{kTypeOf<T>, to_dims(shape)}), Fault::usage);
  auto storage = std::make_shared<ArrayStorage>();
  storage->tensor = cnnc::Tensor::of<T>(kTypeOf<T>, std::move(shape), values);
  storage_ = std::move(storage);
}

template <typename T>
Array Array::zeros(Shape shape) {
  require_sizes(shape);
  return array_of(cnnc::Tensor(kTypeOf<T>, std::move(shape)));
}

template <typename T>
const T* Array::data() const {
  require_type<T>(*this);
  return storage_->tensor.data<T>();
}

template <typename T>
T* Array::mutable_data() {
  require_type<T>(*this);
  if (storage_.use_count() > 1) storage_ = std::make_shared<ArrayStorage>(*storage_);
  // Nobody else has it now; the tensor copies its bytes when those are shared.
  return const_cast<ArrayStorage&>(*storage_).tensor.mutable_data<T>();
}

#define CNNC_ARRAY_OF(T)                                       \
  template Array::Array(Shape, const std::vector<T>&);         \
  template Array Array::zeros<T>(Shape);                       \
  template const T* Array::data<T>() const;                    \
  template T* Array::mutable_data<T>();
CNNC_ARRAY_OF(float)
CNNC_ARRAY_OF(double)
CNNC_ARRAY_OF(int8_t)
CNNC_ARRAY_OF(uint8_t)
CNNC_ARRAY_OF(int32_t)
CNNC_ARRAY_OF(int64_t)
CNNC_ARRAY_OF(bool)

}  // namespace cnnc::dsl
