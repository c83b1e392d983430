// Scalar expressions: what one element of a tensor is.
//
// A Scalar is an immutable, typed expression DAG. It is written once per operator and then interpreted, evaluated over
// size symbols, compiled to vector code, fused by substitution, and differentiated.
//
// Semantics, the same in every consumer:
//   integers   wrap around; div and rem by zero give 0; div truncates, floor_div rounds down; shifts by the width or
//              more give 0, shr keeps the sign of signed types
//   floats     IEEE; min and max return NaN when an operand is NaN; round_even rounds halves to even
//   cast       float to int truncates and saturates, NaN gives 0; int to int wraps; anything to bool is `x != 0`
//   f16, bf16  are storage types: arithmetic on them is done by casting to f32 and back
//   complex    numbers and strings are loaded and selected; strings are also compared for equality, and their only
//              constant is the empty one
//   narrow     types (runtime/dtype.h) are bytes: they are loaded, selected and bitcast. A cast from or to one is an
//              expression over its bits (ir/narrow_cast.h), and a constant is a bitcast byte; there is no arithmetic
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ir/dim.h"
#include "runtime/dtype.h"

namespace cnnc {

enum class ScalarOp : uint8_t {
  // leaves
  constant,  // a number
  index,     // i64: the position on one axis of the iteration space: output axes first, then reduction axes
  size,      // i64: the value of a Dim
  param,     // the value of a placeholder: an operand's element, an accumulator
  load,      // an element of an operand; the arguments are its i64 indices, one per axis
  // one argument
  neg, abs, sqrt, floor, ceil, trunc, round_even,
  exp, log, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, erf, log1p, expm1,
  is_nan, bit_not,
  cast,
  bitcast,  // the same bits as a type of equal width
  // two arguments of one type
  add, sub, mul, div, floor_div, rem, pow, min, max,
  bit_and, bit_or, bit_xor, shl, shr,
  eq, lt, le,  // bool
  // three arguments
  select,  // bool ? a : b; only the chosen side may load
  fma,     // a * b + c, rounded once
};

class Scalar;
using Scalars = std::vector<Scalar>;

class Scalar {
 public:
  struct Node {
    ScalarOp op;
    DType dtype;
    std::vector<Scalar> args;
    double number = 0;    // constant of a float type
    int64_t integer = 0;  // constant of an integer type or bool; axis of index; number of param; operand of load
    Dim dim;              // size
  };

  Scalar() = default;
  explicit Scalar(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

  // Leaves. A float constant of an integer type is truncated.
  static Scalar constant(DType dtype, double value);
  static Scalar constant_int(DType dtype, int64_t value);
  static Scalar i64(int64_t value) { return constant_int(DType::i64, value); }
  static Scalar boolean(bool value) { return constant_int(DType::boolean, value); }
  static Scalar index(int axis);
  static Scalar size(const Dim& dim);  // a constant when the Dim is one
  static Scalar param(int number, DType dtype);
  static Scalar load(int operand, DType dtype, Scalars indices);
  // The general constructor: checks argument types, folds constants and trivial identities (x + 0, x * 1, ...).
  static Scalar make(ScalarOp op, DType dtype, Scalars args);

  explicit operator bool() const { return node_ != nullptr; }
  const Node* get() const { return node_.get(); }
  const Node* operator->() const { return node_.get(); }
  ScalarOp op() const { return node_->op; }
  DType dtype() const { return node_->dtype; }
  const Scalar& arg(size_t i) const { return node_->args[i]; }
  bool is_constant() const { return node_->op == ScalarOp::constant; }
  bool is_constant(double value) const;

  // A constant of this expression's type.
  Scalar like(double value) const { return constant(dtype(), value); }

  // "max(p0, 0)", "load0[i0, i1 + 1]": for dumps and as a key of equal expressions.
  std::string str() const;

 private:
  std::shared_ptr<const Node> node_;
};

Scalar operator+(const Scalar& a, const Scalar& b);
Scalar operator-(const Scalar& a, const Scalar& b);
Scalar operator*(const Scalar& a, const Scalar& b);
Scalar operator/(const Scalar& a, const Scalar& b);
Scalar operator-(const Scalar& a);
// A number beside an expression takes its type.
Scalar operator+(const Scalar& a, double b);
Scalar operator+(double a, const Scalar& b);
Scalar operator-(const Scalar& a, double b);
Scalar operator-(double a, const Scalar& b);
Scalar operator*(const Scalar& a, double b);
Scalar operator*(double a, const Scalar& b);
Scalar operator/(const Scalar& a, double b);
Scalar operator/(double a, const Scalar& b);

Scalar operator==(const Scalar& a, const Scalar& b);
Scalar operator!=(const Scalar& a, const Scalar& b);
Scalar operator<(const Scalar& a, const Scalar& b);
Scalar operator<=(const Scalar& a, const Scalar& b);
Scalar operator>(const Scalar& a, const Scalar& b);
Scalar operator>=(const Scalar& a, const Scalar& b);
Scalar operator&&(const Scalar& a, const Scalar& b);  // bools
Scalar operator||(const Scalar& a, const Scalar& b);
Scalar operator!(const Scalar& a);

Scalar select(const Scalar& condition, const Scalar& a, const Scalar& b);
Scalar cast(const Scalar& a, DType dtype);
Scalar bitcast(const Scalar& a, DType dtype);
Scalar min(const Scalar& a, const Scalar& b);
Scalar max(const Scalar& a, const Scalar& b);
Scalar pow(const Scalar& a, const Scalar& b);
Scalar rem(const Scalar& a, const Scalar& b);
Scalar floor_div(const Scalar& a, const Scalar& b);
Scalar fma(const Scalar& a, const Scalar& b, const Scalar& c);
// One-argument operators.
Scalar abs(const Scalar& a);
Scalar sqrt(const Scalar& a);
Scalar floor(const Scalar& a);
Scalar ceil(const Scalar& a);
Scalar trunc(const Scalar& a);
Scalar round_even(const Scalar& a);
Scalar exp(const Scalar& a);
Scalar log(const Scalar& a);
Scalar sin(const Scalar& a);
Scalar cos(const Scalar& a);
Scalar tan(const Scalar& a);
Scalar asin(const Scalar& a);
Scalar acos(const Scalar& a);
Scalar atan(const Scalar& a);
Scalar sinh(const Scalar& a);
Scalar cosh(const Scalar& a);
Scalar tanh(const Scalar& a);
Scalar asinh(const Scalar& a);
Scalar acosh(const Scalar& a);
Scalar atanh(const Scalar& a);
Scalar erf(const Scalar& a);
Scalar log1p(const Scalar& a);
Scalar expm1(const Scalar& a);
Scalar is_nan(const Scalar& a);
Scalar bit_not(const Scalar& a);
// 1 / (1 + e^-x), without overflow.
Scalar sigmoid(const Scalar& a);

// Rebuilds the expression bottom-up: `replace` sees every leaf (constant, index, size, param, load with its indices
// already rebuilt) and returns what to put there, or an empty Scalar to keep it. Shared parts are visited once.
Scalar rewrite_leaves(const Scalar& expr, const std::function<Scalar(const Scalar&)>& replace);
// Calls `visit` once for each distinct node, arguments first.
void visit(const Scalar& expr, const std::function<void(const Scalar&)>& visit);
// d expr / d param(number); for floats. Piecewise operators (min, abs, select) take the derivative of the chosen side.
Scalar differentiate(const Scalar& expr, int param);
// The value over size symbols of an integer expression whose loads are given by `load`; nullopt when undecidable.
std::optional<Dim> evaluate_dims(const Scalar& expr, const std::vector<Dim>& indices,
                                 const std::function<std::optional<Dim>(int operand, const std::vector<Dim>&)>& load,
                                 const std::vector<Dim>& params = {});

}  // namespace cnnc
