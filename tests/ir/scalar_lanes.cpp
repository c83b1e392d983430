#include "tests/ir/scalar_lanes.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <type_traits>

#include "ir/error.h"

namespace cnnc {

ScalarLanes::ScalarLanes(const Scalar& expr) {
  std::map<const Scalar::Node*, int> slot;
  visit(expr, [&](const Scalar& node) {
    Instruction instruction{node, {}, std::vector<uint64_t>(kLanes * size_of(node.dtype()) / 8)};
    for (const Scalar& a : node->args) instruction.args.push_back(slot.at(a.get()));
    slot[node.get()] = static_cast<int>(program_.size());
    program_.push_back(std::move(instruction));
  });
}

int ScalarLanes::operator_count() const {
  int count = 0;
  for (const Instruction& i : program_) count += !i.node->args.empty();
  return count;
}

void ScalarLanes::run(const std::vector<const float*>& inputs, float* result) {
  for (Instruction& i : program_) {
    if (i.node.op() == ScalarOp::param)
      std::memcpy(i.lanes.data(), inputs.at(static_cast<size_t>(i.node->integer)), kLanes * sizeof(float));
    else
      step(i);
  }
  std::memcpy(result, program_.back().lanes.data(), kLanes * sizeof(float));
}

// Calls `fn` with a value of the C++ type that stands for `dtype`.
template <typename Fn>
static void with_type(DType dtype, Fn fn) {
  switch (dtype) {
    case DType::f32:
      return fn(float());
    case DType::f64:
      return fn(double());
    case DType::i32:
      return fn(int32_t());
    case DType::i64:
      return fn(int64_t());
    case DType::boolean:
      return fn(bool());
    default:
      CNNC_CHECK(false) << "lanes of " << name_of(dtype);
  }
}

template <typename R, typename Fn, typename... T>
static void map_lanes(R* out, Fn fn, const T*... in) {
  for (int i = 0; i < ScalarLanes::kLanes; ++i) out[i] = fn(in[i]...);
}

template <typename T>
static bool float_step(ScalarOp op, T* out, const T* a, const T* b, const T* c) {
  switch (op) {
    case ScalarOp::abs:
      return map_lanes(out, [](T x) { return std::fabs(x); }, a), true;
    case ScalarOp::sqrt:
      return map_lanes(out, [](T x) { return std::sqrt(x); }, a), true;
    case ScalarOp::trunc:
      return map_lanes(out, [](T x) { return std::trunc(x); }, a), true;
    case ScalarOp::div:
      return map_lanes(out, [](T x, T y) { return x / y; }, a, b), true;
    case ScalarOp::fma:
      return map_lanes(out, [](T x, T y, T z) { return std::fma(x, y, z); }, a, b, c), true;
    default:
      return false;
  }
}

template <typename T>
static bool integer_step(ScalarOp op, T* out, const T* a, const T* b) {
  using U = std::make_unsigned_t<T>;
  switch (op) {
    case ScalarOp::bit_and:
      return map_lanes(out, [](T x, T y) { return x & y; }, a, b), true;
    case ScalarOp::bit_or:
      return map_lanes(out, [](T x, T y) { return x | y; }, a, b), true;
    case ScalarOp::bit_xor:
      return map_lanes(out, [](T x, T y) { return x ^ y; }, a, b), true;
    case ScalarOp::shl:
      return map_lanes(out, [](T x, T y) { return static_cast<T>(static_cast<U>(x) << y); }, a, b), true;
    case ScalarOp::shr:
      return map_lanes(out, [](T x, T y) { return x >> y; }, a, b), true;
    case ScalarOp::min:
      return map_lanes(out, [](T x, T y) { return std::min(x, y); }, a, b), true;
    default:
      return false;
  }
}

// Wrap-around for integers.
template <typename T, typename Fn>
static void arithmetic(T* out, Fn fn, const T* a, const T* b) {
  using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  map_lanes(out, [&](T x, T y) { return static_cast<T>(fn(static_cast<Wide>(x), static_cast<Wide>(y))); }, a, b);
}

template <typename T>
static bool arithmetic_step(ScalarOp op, T* out, const T* a, const T* b) {
  switch (op) {
    case ScalarOp::add:
      return arithmetic(out, [](auto x, auto y) { return x + y; }, a, b), true;
    case ScalarOp::sub:
      return arithmetic(out, [](auto x, auto y) { return x - y; }, a, b), true;
    case ScalarOp::mul:
      return arithmetic(out, [](auto x, auto y) { return x * y; }, a, b), true;
    case ScalarOp::neg:
      return map_lanes(out, [](T x) { return static_cast<T>(-x); }, a), true;
    default:
      return false;
  }
}

template <typename T>
static bool comparison_step(ScalarOp op, bool* out, const T* a, const T* b) {
  switch (op) {
    case ScalarOp::eq:
      return map_lanes(out, [](T x, T y) { return x == y; }, a, b), true;
    case ScalarOp::lt:
      return map_lanes(out, [](T x, T y) { return x < y; }, a, b), true;
    case ScalarOp::le:
      return map_lanes(out, [](T x, T y) { return x <= y; }, a, b), true;
    default:
      return false;
  }
}

static bool bool_step(ScalarOp op, bool* out, const bool* a, const bool* b) {
  switch (op) {
    case ScalarOp::bit_and:
      return map_lanes(out, [](bool x, bool y) { return x && y; }, a, b), true;
    case ScalarOp::bit_or:
      return map_lanes(out, [](bool x, bool y) { return x || y; }, a, b), true;
    case ScalarOp::bit_not:
      return map_lanes(out, [](bool x) { return !x; }, a), true;
    default:
      return false;
  }
}

void ScalarLanes::step(Instruction& instruction) {
  const Scalar& node = instruction.node;
  const auto arg = [&]<typename T>(size_t i, T) -> const T* {
    if (i >= instruction.args.size()) return nullptr;
    return reinterpret_cast<const T*>(program_[static_cast<size_t>(instruction.args[i])].lanes.data());
  };
  bool done = false;
  with_type(node.dtype(), [&]<typename T>(T type) {
    T* out = reinterpret_cast<T*>(instruction.lanes.data());
    switch (node.op()) {
      case ScalarOp::constant:
        std::fill(out, out + kLanes, static_cast<T>(is_float(node.dtype()) ? static_cast<T>(node->number)
                                                                         : static_cast<T>(node->integer)));
        done = true;
        return;
      case ScalarOp::select:
        map_lanes(out, [](bool c, T x, T y) { return c ? x : y; }, arg(0, false), arg(1, type), arg(2, type));
        done = true;
        return;
      case ScalarOp::bitcast:
        std::memcpy(out, arg(0, type), kLanes * sizeof(T));
        done = true;
        return;
      case ScalarOp::cast:  // never from a float to an integer
        with_type(node.arg(0).dtype(), [&](auto from) {
          map_lanes(out, [](auto x) { return static_cast<T>(x); }, arg(0, from));
        });
        done = true;
        return;
      default:
        break;
    }
    if constexpr (std::is_same_v<T, bool>) {
      done = bool_step(node.op(), out, arg(0, type), arg(1, type));
      if (!done)
        with_type(node.arg(0).dtype(), [&](auto operand) {
          done = comparison_step(node.op(), out, arg(0, operand), arg(1, operand));
        });
    } else {
      done = arithmetic_step(node.op(), out, arg(0, type), arg(1, type));
      if constexpr (std::is_floating_point_v<T>)
        done = done || float_step(node.op(), out, arg(0, type), arg(1, type), arg(2, type));
      else
        done = done || integer_step(node.op(), out, arg(0, type), arg(1, type));
    }
  });
  CNNC_CHECK(done) << "no lanes for " << node.str();
}

}  // namespace cnnc
