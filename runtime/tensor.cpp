#include "runtime/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/bit_packing.h"
#include "runtime/memory_block.h"
#include "runtime/narrow_float.h"

namespace cnnc {

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t d : shape) count *= d;
  return count;
}

// Aligned to 64 bytes; large ones lie on huge pages where the system has them.
static std::shared_ptr<const void> allocate_aligned(size_t bytes) {
  const auto block = std::make_shared<MemoryBlock>();
  if (!block->reserve(std::max<size_t>(bytes, 1))) throw std::bad_alloc();
  return std::shared_ptr<const void>(block, block->data());
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)), owned_(true) {
  owner_ = allocate_aligned(bytes());
  bytes_ = owner_.get();
  std::memset(const_cast<void*>(bytes_), 0, bytes());
}

Tensor::Tensor(DType dtype, Shape shape, std::shared_ptr<const void> owner, const void* bytes)
    : dtype_(dtype), shape_(std::move(shape)), owner_(std::move(owner)), bytes_(bytes) {}

Tensor Tensor::ints(const std::vector<int64_t>& values) {
  return of(DType::i64, {static_cast<int64_t>(values.size())}, values);
}

Tensor Tensor::scalar(DType dtype, double value) {
  Tensor t(dtype, {});
  t.set_double(0, value);
  return t;
}

void* Tensor::mutable_raw() {
  if (!owned_ || owner_.use_count() > 1) {
    std::shared_ptr<const void> copy = allocate_aligned(bytes());
    if (bytes() > 0) std::memcpy(const_cast<void*>(copy.get()), bytes_, bytes());
    owner_ = std::move(copy);
    bytes_ = owner_.get();
    owned_ = true;
  }
  return const_cast<void*>(bytes_);
}

template <typename T>
static T load(const void* bytes, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(bytes) + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

double Tensor::as_double(int64_t i) const {
  switch (dtype_) {
    case DType::f32:
      return load<float>(bytes_, i);
    case DType::f64:
      return load<double>(bytes_, i);
    case DType::f16:
      return f16_to_f32(load<uint16_t>(bytes_, i));
    case DType::bf16:
      return bf16_to_f32(load<uint16_t>(bytes_, i));
    case DType::u64:
      return static_cast<double>(load<uint64_t>(bytes_, i));
    default:
      if (is_narrow_float(dtype_)) return narrow_float_value(dtype_, load<uint8_t>(bytes_, i));
      return static_cast<double>(as_int(i));
  }
}

int64_t Tensor::as_int(int64_t i) const {
  switch (dtype_) {
    case DType::i8:
    case DType::i4:
    case DType::i2:
      return load<int8_t>(bytes_, i);
    case DType::i16:
      return load<int16_t>(bytes_, i);
    case DType::i32:
      return load<int32_t>(bytes_, i);
    case DType::i64:
      return load<int64_t>(bytes_, i);
    case DType::u8:
    case DType::u4:
    case DType::u2:
    case DType::boolean:
      return load<uint8_t>(bytes_, i);
    case DType::u16:
      return load<uint16_t>(bytes_, i);
    case DType::u32:
      return load<uint32_t>(bytes_, i);
    case DType::u64:
      return static_cast<int64_t>(load<uint64_t>(bytes_, i));
    default:
      return static_cast<int64_t>(as_double(i));
  }
}

template <typename T>
static void store(void* bytes, int64_t index, T value) {
  std::memcpy(static_cast<char*>(bytes) + index * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

void Tensor::set_double(int64_t i, double value) {
  void* p = mutable_raw();
  switch (dtype_) {
    case DType::f32:
      return store(p, i, static_cast<float>(value));
    case DType::f64:
      return store(p, i, value);
    case DType::f16:
      return store(p, i, f64_to_f16(value));
    case DType::bf16:
      return store(p, i, f64_to_bf16(value));
    case DType::boolean:
      return store<uint8_t>(p, i, value != 0);
    case DType::u64:
      return store(p, i, static_cast<uint64_t>(value));
    default:
      if (is_narrow_float(dtype_)) return store(p, i, narrow_float_code(dtype_, value));
      return set_int(i, static_cast<int64_t>(value));
  }
}

void Tensor::set_int(int64_t i, int64_t value) {
  void* p = mutable_raw();
  switch (size_of(dtype_)) {
    case 1:
      if (is_narrow_float(dtype_)) return set_double(i, static_cast<double>(value));
      if (is_narrow_int(dtype_)) return store(p, i, element_byte(dtype_, static_cast<uint8_t>(value)));
      return store(p, i, static_cast<uint8_t>(dtype_ == DType::boolean ? value != 0 : value));
    case 2:
      if (is_float(dtype_)) return set_double(i, static_cast<double>(value));
      return store(p, i, static_cast<uint16_t>(value));
    case 4:
      if (is_float(dtype_)) return set_double(i, static_cast<double>(value));
      return store(p, i, static_cast<uint32_t>(value));
    default:
      if (is_float(dtype_)) return set_double(i, static_cast<double>(value));
      return store(p, i, value);
  }
}

Tensor Tensor::reshaped(Shape shape) const {
  Tensor t = *this;
  t.shape_ = std::move(shape);
  return t;
}

Tensor Tensor::elided(DType dtype, Shape shape, uint64_t content_hash) {
  Tensor t;
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  t.elided_ = true;
  t.elided_hash_ = content_hash;
  return t;
}

uint64_t Tensor::content_hash() const {
  if (elided_) return elided_hash_;
  const char* p = static_cast<const char*>(bytes_);
  uint64_t hash = 0x9E3779B97F4A7C15 ^ bytes();
  const auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * 0xFF51AFD7ED558CCD;
    hash ^= hash >> 32;
  };
  uint64_t word = 0;
  size_t left = bytes();
  for (; left >= sizeof word; left -= sizeof word, p += sizeof word) {
    std::memcpy(&word, p, sizeof word);
    mix(word);
  }
  word = 0;
  if (left > 0) std::memcpy(&word, p, left);
  mix(word);
  return hash;
}

bool Tensor::identical(const Tensor& other) const {
  if (elided_ || other.elided_)
    return dtype_ == other.dtype_ && shape_ == other.shape_ && content_hash() == other.content_hash();
  return dtype_ == other.dtype_ && shape_ == other.shape_ &&
         (bytes() == 0 || std::memcmp(bytes_, other.bytes_, bytes()) == 0);
}

float f16_to_f32(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 1023;
  const float sign = bits >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa ? std::bit_cast<float>(0x7FC00000u | (bits & 0x8000u) << 16)
                                      : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

uint16_t f32_to_f16(float value) { return f64_to_f16(value); }

uint16_t f64_to_f16(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | 0x7E00;
  const double magnitude = std::fabs(value);
  if (magnitude >= 65520.0) return sign | 0x7C00;
  if (magnitude < std::ldexp(1.0, -14))
    return sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24)));
  int exponent;
  const double fraction = std::frexp(magnitude, &exponent);  // in [0.5, 1)
  const auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(fraction, 11)));  // 1024..2048
  // A mantissa that rounds up to 2048 carries into the exponent by plain addition.
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + (mantissa - 1024)));
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

uint16_t f64_to_bf16(double value) {
  // Round to odd first, so that the second rounding sees whether anything was cut off.
  float rounded = static_cast<float>(value);
  if (!std::isnan(value) && !std::isinf(rounded) && static_cast<double>(rounded) != value) {
    if (std::fabs(static_cast<double>(rounded)) > std::fabs(value))
      rounded = std::nextafterf(rounded, 0.0f);
    rounded = std::bit_cast<float>(std::bit_cast<uint32_t>(rounded) | 1u);
  }
  return f32_to_bf16(rounded);
}

}  // namespace cnnc
