#include "runtime/dtype.h"

namespace cnnc {

size_t size_of(DType type) {
  switch (type) {
    case DType::i8:
    case DType::u8:
    case DType::boolean:
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
    case DType::f8e8m0:
    case DType::f4e2m1:
    case DType::i4:
    case DType::u4:
    case DType::i2:
    case DType::u2:
      return 1;
    case DType::i16:
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::i32:
    case DType::u32:
    case DType::f32:
      return 4;
    case DType::i64:
    case DType::u64:
    case DType::f64:
    case DType::c64:
    case DType::string:
      return 8;
    case DType::c128:
      return 16;
  }
  return 0;
}

size_t alignment_of(DType type) {
  if (type == DType::string) return alignof(const char*);
  return is_complex(type) ? size_of(type) / 2 : size_of(type);
}

int bits_of(DType type) {
  switch (type) {
    case DType::i2:
    case DType::u2:
      return 2;
    case DType::f4e2m1:
    case DType::i4:
    case DType::u4:
      return 4;
    default:
      return 8 * static_cast<int>(size_of(type));
  }
}

std::string_view name_of(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::u8:
      return "u8";
    case DType::i8:
      return "i8";
    case DType::u16:
      return "u16";
    case DType::i16:
      return "i16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::boolean:
      return "bool";
    case DType::f16:
      return "f16";
    case DType::f64:
      return "f64";
    case DType::u32:
      return "u32";
    case DType::u64:
      return "u64";
    case DType::bf16:
      return "bf16";
    case DType::f8e4m3fn:
      return "f8e4m3fn";
    case DType::f8e4m3fnuz:
      return "f8e4m3fnuz";
    case DType::f8e5m2:
      return "f8e5m2";
    case DType::f8e5m2fnuz:
      return "f8e5m2fnuz";
    case DType::f8e8m0:
      return "f8e8m0";
    case DType::f4e2m1:
      return "f4e2m1";
    case DType::i4:
      return "i4";
    case DType::u4:
      return "u4";
    case DType::i2:
      return "i2";
    case DType::c64:
      return "c64";
    case DType::c128:
      return "c128";
    case DType::string:
      return "string";
    case DType::u2:
      return "u2";
  }
  return "?";
}

std::optional<DType> dtype_named(std::string_view name) {
  for (DType t : kAllDTypes)
    if (name_of(t) == name) return t;
  return std::nullopt;
}

}  // namespace cnnc
