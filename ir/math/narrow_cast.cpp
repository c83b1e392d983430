#include "ir/narrow_cast.h"

#include "ir/math/expansions.h"
#include "runtime/narrow_float.h"

namespace cnnc {

using namespace math;

namespace {

constexpr int kMantissaF32 = 23;
constexpr int kBiasF32 = 127;
constexpr int32_t kInfinityF32 = 0x7F800000;

Scalar i32(int64_t value) { return Scalar::constant_int(DType::i32, value); }

// The type whose bytes are those of a narrow type.
DType byte_type(DType narrow) { return is_signed_int(narrow) ? DType::i8 : DType::u8; }

// ---- floats to f32 ----

Scalar scale_to_f32(const Scalar& code) {
  // The smallest scale is a denormal f32.
  const Scalar number = select(code == i32(0), i32(1 << (kMantissaF32 - 1)), shift_left(code, kMantissaF32));
  return select(code == i32(0xFF), not_a_number(), from_bits(number));
}

Scalar to_f32(const Scalar& x) {
  const NarrowFloatFormat f = narrow_float_format(x.dtype());
  const Scalar code = cast(bitcast(x, DType::u8), DType::i32);
  if (f.mantissa_bits == 0) return scale_to_f32(code);
  const Scalar magnitude = bit_and(code, i32((1 << f.sign_bit) - 1));
  const Scalar normal = shift_left(magnitude, kMantissaF32 - f.mantissa_bits) + i32((kBiasF32 - f.bias) << kMantissaF32);
  // Exact: a small integer by a power of two.
  const Scalar least = from_bits(i32((kBiasF32 + 1 - f.bias - f.mantissa_bits) << kMantissaF32));
  Scalar number = select(magnitude < i32(1 << f.mantissa_bits), bits(cast(magnitude, DType::f32) * least), normal);
  if (f.infinity >= 0) number = select(magnitude == i32(f.infinity), i32(kInfinityF32), number);
  // All codes above the largest number's and infinity's are NaN.
  const int last = f.infinity >= 0 ? f.infinity : f.largest;
  if (f.nan >= 0 && f.signed_zero) number = select(i32(last) < magnitude, bits(not_a_number()), number);
  const Scalar sign = shift_left(bit_and(code, i32(1 << f.sign_bit)), 31 - f.sign_bit);
  const Scalar result = from_bits(bit_or(number, sign));
  return f.signed_zero ? result : select(code == i32(f.nan), not_a_number(), result);
}

// ---- f32 to floats ----

// Codes, without the sign, of numbers that round to nearest even; beyond the largest code when they are too large.
Scalar rounded_code(const Scalar& magnitude, const NarrowFloatFormat& f) {
  const int dropped = kMantissaF32 - f.mantissa_bits;
  const Scalar odd = bit_and(shift_right(magnitude, dropped), i32(1));
  const Scalar rounded = magnitude + odd + i32((1 << (dropped - 1)) - 1);
  const Scalar normal = shift_right(rounded, dropped) - i32((kBiasF32 - f.bias) << f.mantissa_bits);
  // Added to a number whose last place is the least denormal, the sum's last places are the code.
  const int least = 1 - f.bias - f.mantissa_bits;
  const Scalar unit = i32((kBiasF32 + kMantissaF32 + least) << kMantissaF32);
  const Scalar denormal = bits(from_bits(magnitude) + from_bits(unit)) - unit;
  const Scalar first_normal = i32((kBiasF32 + 1 - f.bias) << kMantissaF32);
  return select(magnitude < first_normal, denormal, normal);
}

Scalar float_code(const Scalar& x, DType type, bool saturate) {
  const NarrowFloatFormat f = narrow_float_format(type);
  const Scalar magnitude = bit_and(bits(x), i32(0x7FFFFFFF));
  const Scalar sign = bit_and(shift_right(bits(x), 31 - f.sign_bit), i32(1 << f.sign_bit));
  const Scalar rounded = rounded_code(magnitude, f);
  const int too_large = saturate || f.nan < 0 ? f.largest : f.infinity >= 0 ? f.infinity : f.nan;
  const Scalar code = select(i32(f.largest) < rounded, i32(too_large), rounded);
  const Scalar is_nan = i32(kInfinityF32) < magnitude;
  if (f.nan < 0) return select(is_nan, bit_xor(sign, i32(1 << f.sign_bit)), bit_or(code, sign));
  const Scalar number = bit_or(select(is_nan, i32(f.nan), code), sign);
  // A number that rounds to zero loses its sign, as NaN does.
  return f.signed_zero ? number : select(is_nan, i32(f.nan), select(code == i32(0), i32(0), number));
}

// A power of two from the magnitude; the sign means nothing.
Scalar scale_code(const Scalar& x, const CastMode& mode) {
  constexpr int32_t kLeast = 1 << (kMantissaF32 - 1), kHalf = 1 << (kMantissaF32 - 1);  // kLeast: 2^-127
  const int32_t largest = 0xFE << kMantissaF32;
  const Scalar magnitude = bit_and(bits(x), i32(0x7FFFFFFF));
  const Scalar exponent = shift_right(magnitude, kMantissaF32);
  const Scalar fraction = bit_and(magnitude, i32((1 << kMantissaF32) - 1));
  const Scalar denormal = exponent == i32(0);
  Scalar code = exponent;
  if (mode.rounding == CastMode::up)
    code = code + cast(select(denormal, i32(kLeast), i32(0)) < fraction, DType::i32);
  if (mode.rounding == CastMode::nearest)
    code = code + cast(select(denormal, i32(kLeast + kHalf / 2), i32(kHalf)) <= fraction, DType::i32);
  const Scalar beyond = i32(largest) < magnitude;
  code = select(beyond, i32(mode.saturate ? 0xFE : 0xFF), code);
  if (!mode.saturate) code = select(magnitude < i32(kLeast), i32(0xFF), code);
  return select(i32(kInfinityF32) < magnitude, i32(0xFF), code);
}

// To f32 with the last place odd where anything was cut off: rounding that again is like rounding once.
Scalar f32_rounded_to_odd(const Scalar& x) {
  const Scalar nearest = cast(x, DType::f32);
  const Scalar back = cast(nearest, DType::f64);
  // One step towards zero where the rounding went away from it.
  const Scalar cut = bits(nearest) - cast(abs(x) < abs(back), DType::i32);
  const Scalar inexact = !(back == x) && !is_nan(x);
  return select(inexact, from_bits(bit_or(cut, i32(1))), nearest);
}

Scalar to_narrow_float(const Scalar& x, DType type, const CastMode& mode) {
  const Scalar wide = x.dtype() == DType::f64 ? f32_rounded_to_odd(x) : cast(x, DType::f32);
  const Scalar code = type == DType::f8e8m0 ? scale_code(wide, mode) : float_code(wide, type, mode.saturate);
  return bitcast(cast(code, DType::u8), type);
}

// ---- integers ----

Scalar to_narrow_int(const Scalar& x, DType type) {
  const Scalar whole = is_float(x.dtype()) ? cast(x, DType::i32) : x;
  const Scalar byte = cast(whole, byte_type(type));
  const int unused = 8 - bits_of(type);
  // On a signed type the shift to the right extends the sign.
  return bitcast(shift_right(shift_left(byte, unused), unused), type);
}

}  // namespace

Scalar cast(const Scalar& x, DType dtype, const CastMode& mode) {
  return is_narrow(dtype) || is_narrow(x.dtype()) ? narrow_cast(x, dtype, mode) : cast(x, dtype);
}

Scalar narrow_cast(const Scalar& x, DType dtype, const CastMode& mode) {
  if (x.dtype() == dtype) return x;
  if (is_narrow_float(x.dtype())) return cast(to_f32(x), dtype, mode);
  if (is_narrow_int(x.dtype())) return cast(bitcast(x, byte_type(x.dtype())), dtype, mode);
  return is_narrow_float(dtype) ? to_narrow_float(x, dtype, mode) : to_narrow_int(x, dtype);
}

}  // namespace cnnc
