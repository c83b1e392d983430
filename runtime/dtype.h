// Element types of tensors. The numbers are those of ONNX's TensorProto.DataType.
//
// The narrow types take one byte for each element in memory: the code of a float, the value of an integer (i4 and i2
// with their sign extended). Files pack the elements of fewer than 8 bits (runtime/bit_packing.h).
//
// An element of `string` is a `const char*`: text in UTF-8 that ends with a zero byte and holds no other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cnnc {

enum class DType : uint8_t {
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,  // one byte, 0 or 1
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  c64 = 14,   // a real and an imaginary f32
  c128 = 15,  // the same in f64
  bf16 = 16,
  f8e4m3fn = 17,
  f8e4m3fnuz = 18,
  f8e5m2 = 19,
  f8e5m2fnuz = 20,
  u4 = 21,
  i4 = 22,
  f4e2m1 = 23,
  f8e8m0 = 24,  // a power of two, without a sign
  u2 = 25,
  i2 = 26,
};

inline constexpr DType kAllDTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8,
                                       DType::i16, DType::i32, DType::i64, DType::u8,   DType::u16,
                                       DType::u32, DType::u64, DType::boolean,
                                       DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz,
                                       DType::f8e8m0, DType::f4e2m1, DType::i4, DType::u4, DType::i2, DType::u2,
                                       DType::c64, DType::c128, DType::string};

// Bytes of one element in memory.
size_t size_of(DType type);
// The alignment of an element in memory; addresses need no more than that.
size_t alignment_of(DType type);
// Bits of one element that carry its value, and that a file stores: 2 or 4 for the types that are packed there.
int bits_of(DType type);
// "f32", "i64", "bool", ...: the spelling of the IR's text form.
std::string_view name_of(DType type);
// The type with that spelling, if there is one.
std::optional<DType> dtype_named(std::string_view name);

// Floats of 8 and 4 bits and integers of 4 and 2: they are stored, moved and converted, never computed with.
constexpr bool is_narrow_float(DType t) {
  return (t >= DType::f8e4m3fn && t <= DType::f8e5m2fnuz) || t == DType::f4e2m1 || t == DType::f8e8m0;
}
constexpr bool is_narrow_int(DType t) {
  return t == DType::i4 || t == DType::u4 || t == DType::i2 || t == DType::u2;
}
constexpr bool is_narrow(DType t) { return is_narrow_float(t) || is_narrow_int(t); }

// Elements that are moved and chosen, never computed with; strings are also compared for equality.
constexpr bool is_complex(DType t) { return t == DType::c64 || t == DType::c128; }
constexpr bool is_opaque(DType t) { return is_complex(t) || t == DType::string; }

constexpr bool is_float(DType t) {
  return t == DType::f32 || t == DType::f64 || t == DType::f16 || t == DType::bf16 || is_narrow_float(t);
}
constexpr bool is_signed_int(DType t) {
  return t == DType::i8 || t == DType::i16 || t == DType::i32 || t == DType::i64 || t == DType::i4 || t == DType::i2;
}
constexpr bool is_unsigned_int(DType t) {
  return t == DType::u8 || t == DType::u16 || t == DType::u32 || t == DType::u64 || t == DType::u4 || t == DType::u2;
}
constexpr bool is_int(DType t) { return is_signed_int(t) || is_unsigned_int(t); }

}  // namespace cnnc
