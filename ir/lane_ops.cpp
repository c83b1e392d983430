#include "ir/lane_ops.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ir/error.h"
#include "runtime/tensor.h"

namespace cnnc {
namespace {

// Storage of the two types that have no C++ type here.
struct Half {
  uint16_t bits;
  operator float() const { return f16_to_f32(bits); }
};
struct BFloat {
  uint16_t bits;
  operator float() const { return bf16_to_f32(bits); }
};
struct Bool {
  uint8_t value;
  operator int() const { return value; }
};

template <typename T>
inline constexpr bool kIsSmallFloat = std::is_same_v<T, Half> || std::is_same_v<T, BFloat>;
template <typename T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T>;

template <typename Fn>
void with_type(DType dtype, Fn fn) {
  switch (dtype) {
    case DType::f32:
      return fn(float{});
    case DType::f64:
      return fn(double{});
    case DType::f16:
      return fn(Half{});
    case DType::bf16:
      return fn(BFloat{});
    case DType::i8:
      return fn(int8_t{});
    case DType::i16:
      return fn(int16_t{});
    case DType::i32:
      return fn(int32_t{});
    case DType::i64:
      return fn(int64_t{});
    case DType::u8:
      return fn(uint8_t{});
    case DType::u16:
      return fn(uint16_t{});
    case DType::u32:
      return fn(uint32_t{});
    case DType::u64:
      return fn(uint64_t{});
    case DType::boolean:
      return fn(Bool{});
    default:
      CNNC_CHECK(false) << name_of(dtype) << " is stored, not computed with";
  }
}

template <typename T, typename R = T, typename Fn>
void map1(const Lanes& l, Fn fn) {
  const T* a = static_cast<const T*>(l.args[0]);
  R* r = static_cast<R*>(l.result);
  for (int i = 0; i < l.count; ++i) r[i] = fn(a[i]);
}

template <typename T, typename R = T, typename Fn>
void map2(const Lanes& l, Fn fn) {
  const T *a = static_cast<const T*>(l.args[0]), *b = static_cast<const T*>(l.args[1]);
  R* r = static_cast<R*>(l.result);
  for (int i = 0; i < l.count; ++i) r[i] = fn(a[i], b[i]);
}

template <typename T, typename Fn>
void map3(const Lanes& l, Fn fn) {
  const T *a = static_cast<const T*>(l.args[0]), *b = static_cast<const T*>(l.args[1]),
          *c = static_cast<const T*>(l.args[2]);
  T* r = static_cast<T*>(l.result);
  for (int i = 0; i < l.count; ++i) r[i] = fn(a[i], b[i], c[i]);
}

[[noreturn]] void unsupported(ScalarOp op, const char* type) {
  CNNC_CHECK(false) << "scalar operator " << static_cast<int>(op) << " has no meaning for " << type;
  __builtin_unreachable();
}

// ---- casts -----------------------------------------------------------------------------------------------------------

// Truncates and saturates; NaN gives 0.
template <typename To, typename From>
To float_to_int(From x) {
  // Both limits are exact in From or round outwards, where the comparison decides.
  if (!(x == x)) return 0;
  if (x <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (x >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return static_cast<To>(x);
}

template <typename To, typename From>
To convert(From from) {
  if constexpr (kIsSmallFloat<From>) return convert<To>(static_cast<float>(from));
  else if constexpr (std::is_same_v<From, Bool>) return convert<To>(static_cast<int32_t>(from.value));
  else if constexpr (std::is_same_v<To, Bool>) return Bool{static_cast<uint8_t>(from != 0)};
  else if constexpr (std::is_same_v<To, Half>) return Half{f64_to_f16(static_cast<double>(from))};
  else if constexpr (std::is_same_v<To, BFloat>) return BFloat{f64_to_bf16(static_cast<double>(from))};
  else if constexpr (kIsFloat<From> && !kIsFloat<To>) return float_to_int<To>(from);
  else return static_cast<To>(from);
}

void run_cast(DType from, DType to, const Lanes& l) {
  with_type(from, [&](auto f) {
    with_type(to, [&](auto t) {
      map1<decltype(f), decltype(t)>(l, [](auto x) { return convert<decltype(t)>(x); });
    });
  });
}

// An element of 16 bytes, to be moved.
struct Wide {
  uint64_t words[2];
};

template <typename T>
void select_as(const Lanes& l) {
  const auto* condition = static_cast<const uint8_t*>(l.args[0]);
  const T *a = static_cast<const T*>(l.args[1]), *b = static_cast<const T*>(l.args[2]);
  T* r = static_cast<T*>(l.result);
  for (int i = 0; i < l.count; ++i) r[i] = condition[i] ? a[i] : b[i];
}

void run_select(DType dtype, const Lanes& l) {
  switch (size_of(dtype)) {
    case 1:
      return select_as<uint8_t>(l);
    case 2:
      return select_as<uint16_t>(l);
    case 4:
      return select_as<uint32_t>(l);
    case 16:
      return select_as<Wide>(l);
    default:
      return select_as<uint64_t>(l);
  }
}

// ---- floats ----------------------------------------------------------------------------------------------------------

// Computed in double: for float arguments the result is the exact one, rounded, but for rare ties.
template <typename T>
bool run_float_function(ScalarOp op, const Lanes& l) {
  const auto map = [&](auto fn) {
    map1<T>(l, [fn](T x) { return static_cast<T>(fn(static_cast<double>(x))); });
    return true;
  };
  switch (op) {
    case ScalarOp::exp:
      return map([](double x) { return std::exp(x); });
    case ScalarOp::log:
      return map([](double x) { return std::log(x); });
    case ScalarOp::sin:
      return map([](double x) { return std::sin(x); });
    case ScalarOp::cos:
      return map([](double x) { return std::cos(x); });
    case ScalarOp::tan:
      return map([](double x) { return std::tan(x); });
    case ScalarOp::asin:
      return map([](double x) { return std::asin(x); });
    case ScalarOp::acos:
      return map([](double x) { return std::acos(x); });
    case ScalarOp::atan:
      return map([](double x) { return std::atan(x); });
    case ScalarOp::sinh:
      return map([](double x) { return std::sinh(x); });
    case ScalarOp::cosh:
      return map([](double x) { return std::cosh(x); });
    case ScalarOp::tanh:
      return map([](double x) { return std::tanh(x); });
    case ScalarOp::asinh:
      return map([](double x) { return std::asinh(x); });
    case ScalarOp::acosh:
      return map([](double x) { return std::acosh(x); });
    case ScalarOp::atanh:
      return map([](double x) { return std::atanh(x); });
    case ScalarOp::erf:
      return map([](double x) { return std::erf(x); });
    case ScalarOp::log1p:
      return map([](double x) { return std::log1p(x); });
    case ScalarOp::expm1:
      return map([](double x) { return std::expm1(x); });
    default:
      return false;
  }
}

template <typename T>
T nan_or(T a, T b, T otherwise) {
  return a != a ? a : b != b ? b : otherwise;
}

template <typename T>
void run_float(ScalarOp op, const Lanes& l) {
  if (run_float_function<T>(op, l)) return;
  switch (op) {
    case ScalarOp::neg:
      return map1<T>(l, [](T a) { return -a; });
    case ScalarOp::abs:
      return map1<T>(l, [](T a) { return std::fabs(a); });
    case ScalarOp::sqrt:
      return map1<T>(l, [](T a) { return std::sqrt(a); });
    case ScalarOp::floor:
      return map1<T>(l, [](T a) { return std::floor(a); });
    case ScalarOp::ceil:
      return map1<T>(l, [](T a) { return std::ceil(a); });
    case ScalarOp::trunc:
      return map1<T>(l, [](T a) { return std::trunc(a); });
    case ScalarOp::round_even:
      return map1<T>(l, [](T a) { return std::nearbyint(a); });
    case ScalarOp::is_nan:
      return map1<T, uint8_t>(l, [](T a) { return static_cast<uint8_t>(a != a); });
    case ScalarOp::add:
      return map2<T>(l, [](T a, T b) { return a + b; });
    case ScalarOp::sub:
      return map2<T>(l, [](T a, T b) { return a - b; });
    case ScalarOp::mul:
      return map2<T>(l, [](T a, T b) { return a * b; });
    case ScalarOp::div:
      return map2<T>(l, [](T a, T b) { return a / b; });
    case ScalarOp::floor_div:
      return map2<T>(l, [](T a, T b) { return std::floor(a / b); });
    case ScalarOp::rem:
      return map2<T>(l, [](T a, T b) { return std::fmod(a, b); });
    case ScalarOp::pow:
      return map2<T>(l, [](T a, T b) {
        return static_cast<T>(std::pow(static_cast<double>(a), static_cast<double>(b)));
      });
    case ScalarOp::min:
      return map2<T>(l, [](T a, T b) { return nan_or(a, b, a < b ? a : b); });
    case ScalarOp::max:
      return map2<T>(l, [](T a, T b) { return nan_or(a, b, a > b ? a : b); });
    case ScalarOp::eq:
      return map2<T, uint8_t>(l, [](T a, T b) { return static_cast<uint8_t>(a == b); });
    case ScalarOp::lt:
      return map2<T, uint8_t>(l, [](T a, T b) { return static_cast<uint8_t>(a < b); });
    case ScalarOp::le:
      return map2<T, uint8_t>(l, [](T a, T b) { return static_cast<uint8_t>(a <= b); });
    case ScalarOp::fma:
      return map3<T>(l, [](T a, T b, T c) { return std::fma(a, b, c); });
    default:
      unsupported(op, "floats");
  }
}

// ---- integers --------------------------------------------------------------------------------------------------------

// Unsigned arithmetic wraps; types narrower than int would be promoted to it.
template <typename T>
using Wrapping = std::conditional_t<sizeof(T) <= 4, uint32_t, uint64_t>;

template <typename T>
T negated(T a) {
  return static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(a));
}

template <typename T>
T quotient(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return negated(a);
  return static_cast<T>(a / b);
}

template <typename T>
T remainder(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return 0;
  return static_cast<T>(a % b);
}

template <typename T>
T floored_quotient(T a, T b) {
  const T q = quotient(a, b);
  if constexpr (std::is_signed_v<T>)
    if (b != 0 && remainder(a, b) != 0 && (a < 0) != (b < 0)) return static_cast<T>(q - 1);
  return q;
}

// A negative exponent gives the truncated reciprocal; that of 0 is 0 as a quotient by zero is.
template <typename T>
T power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>)
    if (exponent < 0) return base == 1 || (base == -1 && exponent % 2 == 0) ? T{1} : base == -1 ? T{-1} : T{0};
  Wrapping<T> result = 1, square = static_cast<Wrapping<T>>(base);
  for (auto e = static_cast<std::make_unsigned_t<T>>(exponent); e != 0; e = static_cast<decltype(e)>(e >> 1)) {
    if (e & 1) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

template <typename T>
bool shifts_out(T amount) {
  return static_cast<std::make_unsigned_t<T>>(amount) >= sizeof(T) * 8;
}

template <typename T>
void run_int_arithmetic(ScalarOp op, const Lanes& l) {
  using W = Wrapping<T>;
  switch (op) {
    case ScalarOp::neg:
      return map1<T>(l, [](T a) { return negated(a); });
    case ScalarOp::abs:
      return map1<T>(l, [](T a) { return a < 0 ? negated(a) : a; });
    case ScalarOp::add:
      return map2<T>(l, [](T a, T b) { return static_cast<T>(static_cast<W>(a) + static_cast<W>(b)); });
    case ScalarOp::sub:
      return map2<T>(l, [](T a, T b) { return static_cast<T>(static_cast<W>(a) - static_cast<W>(b)); });
    case ScalarOp::mul:
      return map2<T>(l, [](T a, T b) { return static_cast<T>(static_cast<W>(a) * static_cast<W>(b)); });
    case ScalarOp::fma:
      return map3<T>(l, [](T a, T b, T c) {
        return static_cast<T>(static_cast<W>(a) * static_cast<W>(b) + static_cast<W>(c));
      });
    case ScalarOp::div:
      return map2<T>(l, [](T a, T b) { return quotient(a, b); });
    case ScalarOp::floor_div:
      return map2<T>(l, [](T a, T b) { return floored_quotient(a, b); });
    case ScalarOp::rem:
      return map2<T>(l, [](T a, T b) { return remainder(a, b); });
    case ScalarOp::pow:
      return map2<T>(l, [](T a, T b) { return power(a, b); });
    default:
      unsupported(op, "integers");
  }
}

template <typename T>
void run_int(ScalarOp op, const Lanes& l) {
  switch (op) {
    case ScalarOp::floor:
    case ScalarOp::ceil:
    case ScalarOp::trunc:
    case ScalarOp::round_even:
      return map1<T>(l, [](T a) { return a; });
    case ScalarOp::is_nan:
      return map1<T, uint8_t>(l, [](T) { return uint8_t{0}; });
    case ScalarOp::bit_not:
      return map1<T>(l, [](T a) { return static_cast<T>(~a); });
    case ScalarOp::min:
      return map2<T>(l, [](T a, T b) { return a < b ? a : b; });
    case ScalarOp::max:
      return map2<T>(l, [](T a, T b) { return a > b ? a : b; });
    case ScalarOp::bit_and:
      return map2<T>(l, [](T a, T b) { return static_cast<T>(a & b); });
    case ScalarOp::bit_or:
      return map2<T>(l, [](T a, T b) { return static_cast<T>(a | b); });
    case ScalarOp::bit_xor:
      return map2<T>(l, [](T a, T b) { return static_cast<T>(a ^ b); });
    case ScalarOp::shl:
      return map2<T>(l, [](T a, T b) {
        return shifts_out(b) ? T{0} : static_cast<T>(static_cast<Wrapping<T>>(a) << b);
      });
    case ScalarOp::shr:
      return map2<T>(l, [](T a, T b) { return shifts_out(b) ? T{0} : static_cast<T>(a >> b); });
    case ScalarOp::eq:
      return map2<T, uint8_t>(l, [](T a, T b) { return static_cast<uint8_t>(a == b); });
    case ScalarOp::lt:
      return map2<T, uint8_t>(l, [](T a, T b) { return static_cast<uint8_t>(a < b); });
    case ScalarOp::le:
      return map2<T, uint8_t>(l, [](T a, T b) { return static_cast<uint8_t>(a <= b); });
    default:
      return run_int_arithmetic<T>(op, l);
  }
}

void run_bool(ScalarOp op, const Lanes& l) {
  // Comparisons, min, max and the bit operators on 0 and 1 are those of bytes; bit_not is not.
  if (op == ScalarOp::bit_not) return map1<uint8_t>(l, [](uint8_t a) { return static_cast<uint8_t>(a ^ 1); });
  switch (op) {
    case ScalarOp::min:
    case ScalarOp::max:
    case ScalarOp::bit_and:
    case ScalarOp::bit_or:
    case ScalarOp::bit_xor:
    case ScalarOp::eq:
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::is_nan:
      return run_int<uint8_t>(op, l);
    default:
      unsupported(op, "bools");
  }
}

}  // namespace

// A load outside of its operand gives no text.
static bool same_text(const char* a, const char* b) { return std::strcmp(a ? a : "", b ? b : "") == 0; }

void run_lanes(ScalarOp op, DType dtype, DType result, const Lanes& lanes) {
  if (op == ScalarOp::cast) return run_cast(dtype, result, lanes);
  if (op == ScalarOp::select) return run_select(dtype, lanes);
  if (op == ScalarOp::bitcast) {
    std::memcpy(lanes.result, lanes.args[0], static_cast<size_t>(lanes.count) * size_of(result));
    return;
  }
  if (dtype == DType::string) return map2<const char*, uint8_t>(lanes, same_text);
  with_type(dtype, [&](auto t) {
    using T = decltype(t);
    if constexpr (std::is_same_v<T, Bool>) run_bool(op, lanes);
    else if constexpr (kIsSmallFloat<T>) unsupported(op, "f16 and bf16");
    else if constexpr (kIsFloat<T>) run_float<T>(op, lanes);
    else run_int<T>(op, lanes);
  });
}

}  // namespace cnnc
