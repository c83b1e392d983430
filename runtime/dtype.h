// Element types of tensors. The numbers are those of ONNX's TensorProto.DataType.
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
  boolean = 9,  // one byte, 0 or 1
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
};

inline constexpr DType kAllDTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8,
                                       DType::i16, DType::i32, DType::i64, DType::u8,   DType::u16,
                                       DType::u32, DType::u64, DType::boolean};

// Bytes of one element.
size_t size_of(DType type);
// "f32", "i64", "bool", ...: the spelling of the IR's text form.
std::string_view name_of(DType type);
// The type with that spelling, if there is one.
std::optional<DType> dtype_named(std::string_view name);

constexpr bool is_float(DType t) {
  return t == DType::f32 || t == DType::f64 || t == DType::f16 || t == DType::bf16;
}
constexpr bool is_signed_int(DType t) {
  return t == DType::i8 || t == DType::i16 || t == DType::i32 || t == DType::i64;
}
constexpr bool is_unsigned_int(DType t) {
  return t == DType::u8 || t == DType::u16 || t == DType::u32 || t == DType::u64;
}
constexpr bool is_int(DType t) { return is_signed_int(t) || is_unsigned_int(t); }

}  // namespace cnnc
