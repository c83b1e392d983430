// The place of the greatest or least element on an axis.
#include "ir/op_def.h"
#include "ir/ops/limits.h"

namespace cnnc {
namespace {
using enum DType;

std::vector<Type> arg_type(const OpContext& c) {
  const int axis = c.axis(c.integer("axis"), c.rank());
  Dims dims = c.dims();
  c.require(!(dims[static_cast<size_t>(axis)] == 0), "axis ", axis, " of ", c.type(),
            " has no elements to choose from");
  if (c.integer("keepdims"))
    dims[static_cast<size_t>(axis)] = 1;
  else
    dims.erase(dims.begin() + axis);
  return {{i64, dims}};
}

using Better = Scalar (*)(const Scalar& candidate, const Scalar& best, bool or_equal);

Scalar greater(const Scalar& candidate, const Scalar& best, bool or_equal) {
  return or_equal ? candidate >= best : candidate > best;
}
Scalar less(const Scalar& candidate, const Scalar& best, bool or_equal) {
  return or_equal ? candidate <= best : candidate < best;
}

// Accumulators: the best element so far, and its index.
ComputeFn arg_reduction(Better better, Scalar (*worst)(DType)) {
  return [better, worst](const OpContext& c, int) {
    const int axis = c.axis(c.integer("axis"), c.rank());
    const bool half = c.dtype() == f16 || c.dtype() == bf16;
    const DType type = half ? f32 : c.dtype();
    Computation result;
    result.dtype = i64;
    result.space = c.output_type().dims;
    result.reduce = {c.dims()[static_cast<size_t>(axis)]};
    const Scalar place = Scalar::index(static_cast<int>(result.space.size()));
    Scalars at = OpContext::indices(static_cast<int>(result.space.size()));
    if (c.integer("keepdims"))
      at[static_cast<size_t>(axis)] = place;
    else
      at.insert(at.begin() + axis, place);
    result.elements = {cast(c.load(0, at), type), place};
    result.init = {worst(type), Scalar::i64(0)};
    const Scalar best = Scalar::param(0, type), best_place = Scalar::param(1, i64);
    const Scalar candidate = Scalar::param(2, type), candidate_place = Scalar::param(3, i64);
    const Scalar take = better(candidate, best, c.integer("select_last_index") != 0);
    result.combine = {select(take, candidate, best), select(take, candidate_place, best_place)};
    result.value = best_place;
    return result;
  };
}

CNNC_OP(ArgMax)
    .doc(
        "Index of the greatest element on `axis`: the first of equal ones, or the last with "
        "select_last_index = 1.")
    .onnx({1, 11, 12, 13})
    .input("data", kNumberTypes)
    .attribute("axis", 0)
    .attribute("keepdims", 1)
    .attribute("select_last_index", 0)
    .infer(arg_type)
    .compute(arg_reduction(greater, lowest))
    .example({random(f32, {2, 5, 3})}, {{"axis", 1}})
    .example({random(i32, {4, 9}, 0, 3)}, {{"axis", -1}, {"keepdims", 0}})
    .example({random(u8, {4, 9}, 0, 3)}, {{"axis", 1}, {"select_last_index", 1}})
    .example({random(f16, {7})});

CNNC_OP(ArgMin)
    .doc(
        "Index of the least element on `axis`: the first of equal ones, or the last with "
        "select_last_index = 1.")
    .onnx({1, 11, 12, 13})
    .input("data", kNumberTypes)
    .attribute("axis", 0)
    .attribute("keepdims", 1)
    .attribute("select_last_index", 0)
    .infer(arg_type)
    .compute(arg_reduction(less, highest))
    .example({random(f32, {2, 5, 3})}, {{"axis", 1}})
    .example({random(i64, {4, 9}, 0, 3)}, {{"axis", -1}, {"keepdims", 0}})
    .example({random(i8, {4, 9}, 0, 3)}, {{"axis", 1}, {"select_last_index", 1}})
    .example({random(f64, {7})});

}  // namespace
}  // namespace cnnc
