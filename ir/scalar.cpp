#include "ir/scalar.h"

#include <cmath>
#include <unordered_map>

#include "ir/error.h"
#include "ir/narrow_cast.h"
#include "runtime/narrow_float.h"

namespace cnnc {

static std::shared_ptr<Scalar::Node> new_node(ScalarOp op, DType dtype, Scalars args = {}) {
  auto node = std::make_shared<Scalar::Node>();
  node->op = op;
  node->dtype = dtype;
  node->args = std::move(args);
  return node;
}

// Wraps a number to the width of an integer type.
static int64_t wrap(DType dtype, int64_t v) {
  switch (dtype) {
    case DType::i8:
      return static_cast<int8_t>(v);
    case DType::i16:
      return static_cast<int16_t>(v);
    case DType::i32:
      return static_cast<int32_t>(v);
    case DType::u8:
      return static_cast<uint8_t>(v);
    case DType::u16:
      return static_cast<uint16_t>(v);
    case DType::u32:
      return static_cast<uint32_t>(v);
    case DType::boolean:
      return v != 0;
    default:
      return v;
  }
}

Scalar Scalar::constant(DType dtype, double value) {
  if (is_narrow_float(dtype)) return bitcast(constant_int(DType::u8, narrow_float_code(dtype, value)), dtype);
  if (!is_float(dtype) && !is_complex(dtype)) return constant_int(dtype, static_cast<int64_t>(value));
  auto node = new_node(ScalarOp::constant, dtype);
  node->number = dtype == DType::f32 ? static_cast<double>(static_cast<float>(value)) : value;
  return Scalar(std::move(node));
}

Scalar Scalar::constant_int(DType dtype, int64_t value) {
  if (is_narrow_int(dtype)) return narrow_cast(i64(value), dtype);
  if (is_float(dtype) || is_complex(dtype)) return constant(dtype, static_cast<double>(value));
  CNNC_CHECK(dtype != DType::string || value == 0) << "a string constant other than the empty one";
  static thread_local const Scalar kZero = [] {
    auto zero = new_node(ScalarOp::constant, DType::i64);
    return Scalar(std::move(zero));
  }();
  if (dtype == DType::i64 && value == 0) return kZero;
  auto node = new_node(ScalarOp::constant, dtype);
  node->integer = wrap(dtype, value);
  return Scalar(std::move(node));
}

Scalar Scalar::index(int axis) {
  // One object per axis, so that equal index lists are the same pointers.
  static thread_local std::vector<Scalar> cache;
  while (static_cast<int>(cache.size()) <= axis) {
    auto node = new_node(ScalarOp::index, DType::i64);
    node->integer = static_cast<int64_t>(cache.size());
    cache.emplace_back(std::move(node));
  }
  return cache[static_cast<size_t>(axis)];
}

Scalar Scalar::size(const Dim& dim) {
  if (dim.is_const()) return i64(dim.value());
  auto node = new_node(ScalarOp::size, DType::i64);
  node->dim = dim;
  return Scalar(std::move(node));
}

Scalar Scalar::param(int number, DType dtype) {
  auto node = new_node(ScalarOp::param, dtype);
  node->integer = number;
  return Scalar(std::move(node));
}

Scalar Scalar::load(int operand, DType dtype, Scalars indices) {
  for (const Scalar& i : indices) CNNC_CHECK(i.dtype() == DType::i64) << "load index " << i.str() << " is not i64";
  auto node = new_node(ScalarOp::load, dtype, std::move(indices));
  node->integer = operand;
  return Scalar(std::move(node));
}

bool Scalar::is_constant(double value) const {
  if (!is_constant()) return false;
  return is_float(dtype()) || is_complex(dtype()) ? node_->number == value : static_cast<double>(node_->integer) == value;
}

// ---- folding ---------------------------------------------------------------------------------------------------------

static int64_t floor_div_int(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

// i64 and bool arithmetic on constants; other types are left to the consumers.
static Scalar fold_int(ScalarOp op, DType dtype, const Scalars& args) {
  for (const Scalar& a : args)
    if (!a.is_constant() || !(a.dtype() == DType::i64 || a.dtype() == DType::boolean)) return {};
  const int64_t a = args[0]->integer, b = args.size() > 1 ? args[1]->integer : 0;
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const auto result = [&](uint64_t v) { return Scalar::constant_int(dtype, static_cast<int64_t>(v)); };
  switch (op) {
    case ScalarOp::add:
      return result(ua + ub);
    case ScalarOp::sub:
      return result(ua - ub);
    case ScalarOp::mul:
      return result(ua * ub);
    case ScalarOp::div:
      return b == 0 ? result(0) : b == -1 ? result(-ua) : result(static_cast<uint64_t>(a / b));
    case ScalarOp::floor_div:
      return b == 0 ? result(0) : b == -1 ? result(-ua) : result(static_cast<uint64_t>(floor_div_int(a, b)));
    case ScalarOp::rem:
      return b == 0 || b == -1 ? result(0) : result(static_cast<uint64_t>(a % b));
    case ScalarOp::min:
      return result(static_cast<uint64_t>(std::min(a, b)));
    case ScalarOp::max:
      return result(static_cast<uint64_t>(std::max(a, b)));
    case ScalarOp::eq:
      return result(a == b);
    case ScalarOp::lt:
      return result(a < b);
    case ScalarOp::le:
      return result(a <= b);
    case ScalarOp::neg:
      return result(-ua);
    case ScalarOp::bit_and:
      return result(ua & ub);
    case ScalarOp::bit_or:
      return result(ua | ub);
    case ScalarOp::bit_not:
      return dtype == DType::boolean ? result(!ua) : result(~ua);
    case ScalarOp::cast:
      return is_float(dtype) ? Scalar::constant(dtype, static_cast<double>(a)) : result(ua);
    default:
      return {};
  }
}

// x + 0, x * 1, ...: identities that hold bit for bit. Empty when none applies.
static Scalar simplify(ScalarOp op, DType dtype, const Scalars& args) {
  const bool integers = !is_float(dtype);
  switch (op) {
    case ScalarOp::add:
      if (integers && args[0].is_constant(0)) return args[1];
      if (integers && args[1].is_constant(0)) return args[0];
      break;
    case ScalarOp::sub:
      if (args[1].is_constant(0) && (integers || !std::signbit(args[1]->number))) return args[0];
      break;
    case ScalarOp::mul:
      if (args[0].is_constant(1)) return args[1];
      if (args[1].is_constant(1)) return args[0];
      if (integers && (args[0].is_constant(0) || args[1].is_constant(0))) return Scalar::constant_int(dtype, 0);
      break;
    case ScalarOp::div:
    case ScalarOp::floor_div:
      if (args[1].is_constant(1)) return args[0];
      break;
    case ScalarOp::rem:
      if (integers && args[1].is_constant(1)) return Scalar::constant_int(dtype, 0);
      break;
    case ScalarOp::bit_and:
    case ScalarOp::bit_or:
      if (dtype != DType::boolean) break;
      for (int i = 0; i < 2; ++i) {
        if (!args[i].is_constant()) continue;
        const bool decides = args[i].is_constant(op == ScalarOp::bit_or ? 1 : 0);
        return decides ? args[i] : args[1 - i];
      }
      break;
    case ScalarOp::select:
      if (args[0].is_constant()) return args[0].is_constant(0) ? args[2] : args[1];
      if (args[1].get() == args[2].get()) return args[1];
      break;
    case ScalarOp::cast:
      if (args[0].dtype() == dtype) return args[0];
      break;
    default:
      break;
  }
  return {};
}

static void check_types(ScalarOp op, DType dtype, const Scalars& args) {
  if (op == ScalarOp::cast || op == ScalarOp::bitcast || op == ScalarOp::is_nan || op == ScalarOp::load) return;
  if (op == ScalarOp::select) {
    CNNC_CHECK(args[0].dtype() == DType::boolean && args[1].dtype() == dtype && args[2].dtype() == dtype)
        << "select(" << name_of(args[0].dtype()) << ", " << name_of(args[1].dtype()) << ", "
        << name_of(args[2].dtype()) << ")";
    return;
  }
  const bool comparison = op == ScalarOp::eq || op == ScalarOp::lt || op == ScalarOp::le;
  for (const Scalar& a : args)
    CNNC_CHECK(!is_narrow(a.dtype()) && (!is_opaque(a.dtype()) || (op == ScalarOp::eq && a.dtype() == DType::string)))
        << "arithmetic on " << name_of(a.dtype()) << " in " << a.str();
  for (const Scalar& a : args)
    CNNC_CHECK(a.dtype() == (comparison ? args[0].dtype() : dtype))
        << "operands of " << args[0].str() << " and " << args.back().str() << " differ in type";
}

Scalar Scalar::make(ScalarOp op, DType dtype, Scalars args) {
  check_types(op, dtype, args);
  if (op == ScalarOp::cast && (is_narrow(dtype) || is_narrow(args[0].dtype()))) return narrow_cast(args[0], dtype);
  if (Scalar folded = fold_int(op, dtype, args)) return folded;
  if (Scalar simpler = simplify(op, dtype, args)) return simpler;
  if (op == ScalarOp::cast && args[0].is_constant() && is_float(dtype) && is_float(args[0].dtype()) &&
      size_of(dtype) >= 4)
    return constant(dtype, args[0]->number);
  return Scalar(new_node(op, dtype, std::move(args)));
}

// ---- constructors ----------------------------------------------------------------------------------------------------

Scalar operator+(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::add, a.dtype(), {a, b}); }
Scalar operator-(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::sub, a.dtype(), {a, b}); }
Scalar operator*(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::mul, a.dtype(), {a, b}); }
Scalar operator/(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::div, a.dtype(), {a, b}); }
Scalar operator-(const Scalar& a) { return Scalar::make(ScalarOp::neg, a.dtype(), {a}); }
Scalar operator+(const Scalar& a, double b) { return a + a.like(b); }
Scalar operator+(double a, const Scalar& b) { return b.like(a) + b; }
Scalar operator-(const Scalar& a, double b) { return a - a.like(b); }
Scalar operator-(double a, const Scalar& b) { return b.like(a) - b; }
Scalar operator*(const Scalar& a, double b) { return a * a.like(b); }
Scalar operator*(double a, const Scalar& b) { return b.like(a) * b; }
Scalar operator/(const Scalar& a, double b) { return a / a.like(b); }
Scalar operator/(double a, const Scalar& b) { return b.like(a) / b; }

Scalar operator==(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::eq, DType::boolean, {a, b}); }
Scalar operator!=(const Scalar& a, const Scalar& b) { return !(a == b); }
Scalar operator<(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::lt, DType::boolean, {a, b}); }
Scalar operator<=(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::le, DType::boolean, {a, b}); }
Scalar operator>(const Scalar& a, const Scalar& b) { return b < a; }
Scalar operator>=(const Scalar& a, const Scalar& b) { return b <= a; }
Scalar operator&&(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::bit_and, DType::boolean, {a, b}); }
Scalar operator||(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::bit_or, DType::boolean, {a, b}); }
Scalar operator!(const Scalar& a) { return Scalar::make(ScalarOp::bit_not, DType::boolean, {a}); }

Scalar select(const Scalar& condition, const Scalar& a, const Scalar& b) {
  return Scalar::make(ScalarOp::select, a.dtype(), {condition, a, b});
}
Scalar cast(const Scalar& a, DType dtype) { return Scalar::make(ScalarOp::cast, dtype, {a}); }
Scalar bitcast(const Scalar& a, DType dtype) { return Scalar::make(ScalarOp::bitcast, dtype, {a}); }
Scalar fma(const Scalar& a, const Scalar& b, const Scalar& c) {
  return Scalar::make(ScalarOp::fma, a.dtype(), {a, b, c});
}
Scalar is_nan(const Scalar& a) { return Scalar::make(ScalarOp::is_nan, DType::boolean, {a}); }

#define CNNC_BINARY(name) \
  Scalar name(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::name, a.dtype(), {a, b}); }
CNNC_BINARY(min)
CNNC_BINARY(max)
CNNC_BINARY(pow)
CNNC_BINARY(rem)
CNNC_BINARY(floor_div)
#undef CNNC_BINARY

#define CNNC_UNARY(name) \
  Scalar name(const Scalar& a) { return Scalar::make(ScalarOp::name, a.dtype(), {a}); }
CNNC_UNARY(abs)
CNNC_UNARY(sqrt)
CNNC_UNARY(floor)
CNNC_UNARY(ceil)
CNNC_UNARY(trunc)
CNNC_UNARY(round_even)
CNNC_UNARY(exp)
CNNC_UNARY(log)
CNNC_UNARY(sin)
CNNC_UNARY(cos)
CNNC_UNARY(tan)
CNNC_UNARY(asin)
CNNC_UNARY(acos)
CNNC_UNARY(atan)
CNNC_UNARY(sinh)
CNNC_UNARY(cosh)
CNNC_UNARY(tanh)
CNNC_UNARY(asinh)
CNNC_UNARY(acosh)
CNNC_UNARY(atanh)
CNNC_UNARY(erf)
CNNC_UNARY(log1p)
CNNC_UNARY(expm1)
CNNC_UNARY(bit_not)
#undef CNNC_UNARY

Scalar sigmoid(const Scalar& a) {
  // e^-|x| never overflows; the negative side is e / (1 + e).
  const Scalar e = exp(-abs(a));
  return select(a >= a.like(0), a.like(1), e) / (1.0 + e);
}

// ---- walks -----------------------------------------------------------------------------------------------------------

static void visit_from(const Scalar& expr, const std::function<void(const Scalar&)>& fn,
                       std::set<const Scalar::Node*>& seen) {
  if (!seen.insert(expr.get()).second) return;
  for (const Scalar& a : expr->args) visit_from(a, fn, seen);
  fn(expr);
}

void visit(const Scalar& expr, const std::function<void(const Scalar&)>& fn) {
  std::set<const Scalar::Node*> seen;
  visit_from(expr, fn, seen);
}

Scalar rewrite_leaves(const Scalar& expr, const std::function<Scalar(const Scalar&)>& replace) {
  std::unordered_map<const Scalar::Node*, Scalar> done;
  visit(expr, [&](const Scalar& node) {
    Scalars args;
    bool changed = false;
    for (const Scalar& a : node->args) {
      args.push_back(done.at(a.get()));
      changed |= args.back().get() != a.get();
    }
    Scalar rebuilt = node;
    if (changed) {
      rebuilt = node.op() == ScalarOp::load
                    ? Scalar::load(static_cast<int>(node->integer), node.dtype(), std::move(args))
                    : Scalar::make(node.op(), node.dtype(), std::move(args));
    }
    const bool leaf = node->args.empty() || node.op() == ScalarOp::load;
    if (leaf)
      if (Scalar other = replace(rebuilt)) rebuilt = other;
    done[node.get()] = rebuilt;
  });
  return done.at(expr.get());
}

static const char* spelling(ScalarOp op) {
  static const char* kNames[] = {"constant", "i",    "size",  "p",     "load",  "neg",   "abs",   "sqrt",   "floor",
                                 "ceil",     "trunc", "round_even",   "exp",   "log",   "sin",   "cos",    "tan",
                                 "asin",     "acos",  "atan",  "sinh",  "cosh",  "tanh",  "asinh", "acosh", "atanh",
                                 "erf",      "log1p", "expm1", "is_nan", "bit_not", "cast", "bitcast", "add", "sub",
                                 "mul",      "div",   "floor_div",    "rem",   "pow",   "min",   "max",   "bit_and",
                                 "bit_or",   "bit_xor", "shl", "shr",   "eq",    "lt",    "le",    "select", "fma"};
  return kNames[static_cast<int>(op)];
}

std::string Scalar::str() const {
  const Node& n = *node_;
  std::ostringstream out;
  switch (n.op) {
    case ScalarOp::constant:
      out.precision(17);
      if (is_float(n.dtype) || is_complex(n.dtype)) out << n.number;
      else out << n.integer;
      if (n.dtype != DType::i64) out << ":" << name_of(n.dtype);
      return out.str();
    case ScalarOp::size:
      return "(" + n.dim.str() + ")";
    case ScalarOp::index:
    case ScalarOp::param:
      return cat(spelling(n.op), n.integer);
    default:
      break;
  }
  out << spelling(n.op);
  if (n.op == ScalarOp::load) out << n.integer << ":" << name_of(n.dtype);
  if (n.op == ScalarOp::cast || n.op == ScalarOp::bitcast) out << ":" << name_of(n.dtype);
  out << (n.op == ScalarOp::load ? "[" : "(");
  for (size_t i = 0; i < n.args.size(); ++i) out << (i ? ", " : "") << n.args[i].str();
  out << (n.op == ScalarOp::load ? "]" : ")");
  return out.str();
}

}  // namespace cnnc
