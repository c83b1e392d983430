#include "passes/autodiff/scalar_nodes.h"

#include <map>

#include "ir/error.h"

namespace cnnc {
namespace {

// The operator that computes a scalar operation with the same operands.
const char* operator_for(ScalarOp op) {
  static const std::map<ScalarOp, const char*> kOperators = {
      {ScalarOp::neg, "Neg"},          {ScalarOp::abs, "Abs"},       {ScalarOp::sqrt, "Sqrt"},
      {ScalarOp::floor, "Floor"},      {ScalarOp::ceil, "Ceil"},     {ScalarOp::trunc, "Trunc"},
      {ScalarOp::round_even, "Round"}, {ScalarOp::exp, "Exp"},       {ScalarOp::log, "Log"},
      {ScalarOp::sin, "Sin"},          {ScalarOp::cos, "Cos"},       {ScalarOp::tan, "Tan"},
      {ScalarOp::asin, "Asin"},        {ScalarOp::acos, "Acos"},     {ScalarOp::atan, "Atan"},
      {ScalarOp::sinh, "Sinh"},        {ScalarOp::cosh, "Cosh"},     {ScalarOp::tanh, "Tanh"},
      {ScalarOp::asinh, "Asinh"},      {ScalarOp::acosh, "Acosh"},   {ScalarOp::atanh, "Atanh"},
      {ScalarOp::erf, "Erf"},          {ScalarOp::log1p, "Log1p"},   {ScalarOp::expm1, "Expm1"},
      {ScalarOp::is_nan, "IsNaN"},     {ScalarOp::add, "Add"},       {ScalarOp::sub, "Sub"},
      {ScalarOp::mul, "Mul"},          {ScalarOp::div, "Div"},       {ScalarOp::pow, "Pow"},
      {ScalarOp::min, "Min"},          {ScalarOp::max, "Max"},       {ScalarOp::eq, "Equal"},
      {ScalarOp::lt, "Less"},          {ScalarOp::le, "LessOrEqual"}, {ScalarOp::select, "Where"},
  };
  const auto it = kOperators.find(op);
  return it == kOperators.end() ? nullptr : it->second;
}

bool is_logical(const Scalar& s) { return s.dtype() == DType::boolean; }

}  // namespace

Value* ScalarNodes::make(const Scalar& expression) {
  alive_.push_back(expression);
  visit(expression, [&](const Scalar& s) {
    if (!made_.count(s.get())) made_[s.get()] = make_node(s);
  });
  return made_.at(expression.get());
}

Value* ScalarNodes::make_node(const Scalar& s) {
  std::vector<Value*> operands;
  for (const Scalar& a : s->args) operands.push_back(made_.at(a.get()));
  if (const char* op = operator_for(s.op())) return graph_.make(op, operands);
  switch (s.op()) {
    case ScalarOp::constant: {
      Tensor number(s.dtype(), {});
      if (is_float(s.dtype()))
        number.set_double(0, s->number);
      else
        number.set_int(0, s->integer);
      return graph_.constant(std::move(number));
    }
    case ScalarOp::param:
      return operands_[static_cast<size_t>(s->integer)];
    case ScalarOp::cast:
      return graph_.make("Cast", operands, {{"to", s.dtype()}});
    case ScalarOp::rem:
      return graph_.make("Mod", operands, {{"fmod", int64_t{1}}});
    case ScalarOp::fma:
      return graph_.make("Add", {graph_.make("Mul", {operands[0], operands[1]}), operands[2]});
    case ScalarOp::bit_not:
      return graph_.make(is_logical(s) ? "Not" : "BitwiseNot", operands);
    case ScalarOp::bit_and:
      return graph_.make(is_logical(s) ? "And" : "BitwiseAnd", operands);
    case ScalarOp::bit_or:
      return graph_.make(is_logical(s) ? "Or" : "BitwiseOr", operands);
    case ScalarOp::bit_xor:
      return graph_.make(is_logical(s) ? "Xor" : "BitwiseXor", operands);
    default:
      throw Error("there is no operator for the expression " + s.str());
  }
}

}  // namespace cnnc
