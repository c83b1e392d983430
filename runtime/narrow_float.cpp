#include "runtime/narrow_float.h"

#include <cstring>

namespace cnnc {

NarrowFloatFormat narrow_float_format(DType type) {
  switch (type) {
    case DType::f8e4m3fn:
      return {3, 7, 7, 0x7E, -1, 0x7F, true};
    case DType::f8e4m3fnuz:
      return {3, 8, 7, 0x7F, -1, 0x80, false};
    case DType::f8e5m2:
      return {2, 15, 7, 0x7B, 0x7C, 0x7E, true};
    case DType::f8e5m2fnuz:
      return {2, 16, 7, 0x7F, -1, 0x80, false};
    case DType::f8e8m0:
      return {0, 127, 8, 0xFE, -1, 0xFF, true};
    default:  // f4e2m1
      return {1, 1, 3, 0x7, -1, -1, true};
  }
}

// 2^exponent for a normal or denormal f32.
static float power_of_two(int exponent) {
  const uint32_t bits = exponent >= -126 ? static_cast<uint32_t>(exponent + 127) << 23
                                         : uint32_t{1} << (exponent + 149);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float magnitude_value(const NarrowFloatFormat& f, int magnitude) {
  if (f.mantissa_bits == 0) return power_of_two(magnitude - f.bias);
  const int exponent = magnitude >> f.mantissa_bits, hidden = 1 << f.mantissa_bits;
  const int mantissa = magnitude & (hidden - 1);
  const int scale = (exponent == 0 ? 1 : exponent) - f.bias - f.mantissa_bits;
  return static_cast<float>(exponent == 0 ? mantissa : mantissa + hidden) * power_of_two(scale);
}

float narrow_float_value(DType type, uint8_t code) {
  const NarrowFloatFormat f = narrow_float_format(type);
  const int magnitude = code & ((1 << f.sign_bit) - 1);
  const bool negative = code >> f.sign_bit & 1;
  float value = magnitude_value(f, magnitude);
  if (magnitude == f.infinity) value = __builtin_inff();
  else if (magnitude > f.largest || (!f.signed_zero && code == f.nan)) value = __builtin_nanf("");
  // The only NaN of the types without -0 has no sign.
  return negative && (f.signed_zero || code != f.nan) ? -value : value;
}

// The code of a number between two neighbours.
static int nearer(DType type, const NarrowFloatFormat& f, int below, double magnitude) {
  const double low = static_cast<double>(magnitude_value(f, below));
  if (magnitude <= low) return below;
  if (type == DType::f8e8m0) return below + 1;
  const double middle = (low + static_cast<double>(magnitude_value(f, below + 1))) / 2;
  return magnitude > middle || (magnitude == middle && below % 2 != 0) ? below + 1 : below;
}

uint8_t narrow_float_code(DType type, double value) {
  const NarrowFloatFormat f = narrow_float_format(type);
  const bool is_nan = value != value, negative = __builtin_signbit(value) && f.sign_bit < 8;
  const int sign = negative ? 1 << f.sign_bit : 0;
  if (is_nan && f.nan < 0) return static_cast<uint8_t>(sign ^ 1 << f.sign_bit);
  if (is_nan) return static_cast<uint8_t>(f.nan | sign);
  const double magnitude = __builtin_fabs(value);
  if (f.infinity >= 0 && magnitude == __builtin_inf()) return static_cast<uint8_t>(f.infinity | sign);
  int below = 0;
  for (int step = 128; step > 0; step /= 2)
    if (below + step < f.largest && static_cast<double>(magnitude_value(f, below + step)) <= magnitude) below += step;
  const int code = magnitude >= static_cast<double>(magnitude_value(f, f.largest))
                       ? f.largest
                       : nearer(type, f, below, magnitude);
  return static_cast<uint8_t>(code == 0 && !f.signed_zero ? 0 : code | sign);
}

}  // namespace cnnc
