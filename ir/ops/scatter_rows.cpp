// The one operator that writes at places that are data: what scatters and the gradients of gathers become.
#include "ir/op_def.h"
#include "ir/ops/contraction.h"
#include "ir/ops/scatter_rows.h"

namespace cnnc {

ScatterReduction scatter_reduction(const std::string& name) {
  return name == "add"   ? ScatterReduction::add
         : name == "mul" ? ScatterReduction::mul
         : name == "max" ? ScatterReduction::max
         : name == "min" ? ScatterReduction::min
                         : ScatterReduction::none;
}

namespace {
using enum DType;

std::vector<Type> scattered_type(const OpContext& c) {
  const std::string& reduction = c.text("reduction");
  c.require(reduction == "none" || scatter_reduction(reduction) != ScatterReduction::none, "reduction is ",
            quoted(reduction), ", need none, add, mul, max or min");
  c.require(can_scatter(static_cast<int32_t>(c.dtype()), scatter_reduction(reduction)), "reduction ", quoted(reduction),
            " does not take elements of type ", name_of(c.dtype()));
  c.require(c.rank() == 4 && c.rank(1) == 2 && c.rank(2) == 4, "data is ", c.type(), ", positions ", c.type(1),
            " and updates ", c.type(2), ", need 4, 2 and 4 axes");
  require_equal(c, c.dims(1)[0], "the batch of the positions", c.dims()[0], "that of the data");
  require_equal(c, c.dims(2)[0], "the batch of the updates", c.dims()[0], "that of the data");
  require_equal(c, c.dims(2)[1], "the channels of the updates", c.dims()[1], "those of the data");
  require_equal(c, c.dims(2)[2], "the number of updates", c.dims(1)[1], "that of positions");
  require_equal(c, c.dims(2)[3], "the rows of the updates", c.dims()[3], "those of the data");
  return {c.type()};
}

std::vector<Tensor> scatter(const Node& node, const std::vector<const Tensor*>& operands) {
  const Shape& data = operands[0]->shape();
  const ScatterShape shape{data[0], data[1], data[2], data[3], operands[1]->shape()[1]};
  Tensor result = *operands[0];
  scatter_rows(static_cast<int32_t>(result.dtype()), scatter_reduction(node.string_attribute("reduction")), shape,
               result.mutable_raw(), operands[1]->data<int64_t>(), operands[2]->raw());
  return {result};
}

CNNC_OP(ScatterRows)
    .doc(
        "data [B, C, R, I] with row positions[b, k] of each [b, c] replaced by updates[b, c, k], or combined with it as "
        "`reduction` says, one k after the other. A position that is no row is left out. Scatters and the gradients of "
        "gathers become this, whose work is proportional to its operands.")
    .input("data", {f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean})
    .input("positions", {i64}, "")
    .input("updates", {f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean})
    .attribute("reduction", "none")
    .infer(scattered_type)
    .kernel(scatter)
    .example({random(f32, {1, 2, 4, 3}), given(Tensor::of<int64_t>(i64, {1, 3}, {2, -1, 2})), random(f32, {1, 2, 3, 3})})
    .example({random(f64, {2, 1, 3, 2}), given(Tensor::of<int64_t>(i64, {2, 4}, {0, 0, 2, 3, 1, 1, 1, 0})),
              random(f64, {2, 1, 4, 2})},
             {{"reduction", "add"}})
    .example({random(i64, {1, 1, 3, 1}, -9, 9), given(Tensor::of<int64_t>(i64, {1, 3}, {1, 1, 2})),
              random(i64, {1, 1, 3, 1}, -9, 9)},
             {{"reduction", "mul"}})
    .example({random(f32, {1, 1, 3, 2}), given(Tensor::of<int64_t>(i64, {1, 2}, {1, 1})), random(f32, {1, 1, 2, 2})},
             {{"reduction", "max"}})
    .example({random(i32, {1, 1, 3, 2}, -9, 9), given(Tensor::of<int64_t>(i64, {1, 2}, {0, 2})),
              random(i32, {1, 1, 2, 2}, -9, 9)},
             {{"reduction", "min"}})
    .example({random(boolean, {1, 1, 5, 1}, 0, 2), given(Tensor::of<int64_t>(i64, {1, 2}, {4, 0})),
              random(boolean, {1, 1, 2, 1}, 0, 2)});

}  // namespace
}  // namespace cnnc
