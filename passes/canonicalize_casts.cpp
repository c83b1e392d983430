// Casts of casts.
#include "ir/op_def.h"
#include "passes/canonicalize.h"

namespace cnnc {

namespace {

int bits(DType dtype) { return 8 * static_cast<int>(size_of(dtype)); }

// Digits that numbers of a type have, without the sign.
int digits(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 53;
    case DType::f32:
      return 24;
    case DType::f16:
      return 11;
    case DType::bf16:
      return 8;
    case DType::boolean:
      return 1;
    default:
      return bits(dtype) - (is_signed_int(dtype) ? 1 : 0);
  }
}

// Whether every number of type `from` is a number of type `to`.
bool holds(DType to, DType from) {
  if (to == from || from == DType::boolean) return true;
  if (to == DType::boolean || (is_float(from) && !is_float(to))) return false;
  if (is_float(from)) return bits(to) > bits(from);
  if (is_signed_int(from) && is_unsigned_int(to)) return false;
  return digits(to) >= digits(from);
}

bool middle_loses_nothing(const Match& m) {
  const DType from = m["x"]->dtype(), middle = m["middle"]->dtype(), to = m.root().output()->dtype();
  // Narrow types round and saturate by rules of their own, which the attributes choose.
  if (is_narrow(from) || is_narrow(middle) || is_narrow(to)) return false;
  // Floats are limited to the range of integers, integers wrap around.
  if (is_int(from) && is_float(middle) && is_int(to)) return holds(middle, from) && holds(to, from);
  return holds(middle, from);
}

}  // namespace

std::vector<Rewrite> cast_rewrites() {
  return {
      {"merge-casts", "Cast(Cast(x)) -> Cast(x)",
       op("Cast", {op("Cast", {any("x")}).bind("middle")}).where(middle_loses_nothing, "the type between loses numbers"),
       [](const Match& m, Graph& g) {
         return g.make("Cast", {m["x"]}, {{"to", m.root().output()->dtype()}});
       }},
  };
}

}  // namespace cnnc
