// Local response normalisation.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"

namespace cnnc {
namespace {

std::vector<Type> lrn_type(const OpContext& c) {
  c.require(c.rank() >= 2, "the input ", c.type(), " has ", c.rank(),
            " axes, need batch and channels");
  const int64_t size = c.integer("size");
  c.require(size >= 1 && size < (int64_t{1} << 31), "size is ", size, ", need a positive number");
  return {c.type()};
}

// x / (bias + alpha / size * sum)^beta, the sum of squares over `size` channels around the
// element's own.
Computation lrn(const OpContext& c, int) {
  const int rank = c.rank();
  const int64_t size = c.integer("size");
  Scalars own = OpContext::indices(rank), neighbour = own;
  neighbour[1] = own[1] + Scalar::index(rank) - Scalar::i64((size - 1) / 2);
  const Scalar inside = neighbour[1] >= Scalar::i64(0) && neighbour[1] < Scalar::size(c.dims()[1]);
  const Scalar x = load_for_sum(c, 0, neighbour);
  Computation result = sum_of(c, {size}, select(inside, x * x, x.like(0)));
  const Scalar sum = Scalar::param(0, x.dtype());
  const Scalar base = c.number("bias") + (c.number("alpha") / static_cast<double>(size)) * sum;
  result.value = cast(load_for_sum(c, 0, own) / pow(base, x.like(c.number("beta"))), c.dtype());
  return result;
}

// With m the mean of squares over the window (an average pool along the channels, zeros outside) and
// b = bias + alpha m: dx = dy b^-beta + 2 x times what reaches the squares through m.
void lrn_gradient(GradientBuilder& g) {
  Value *x = g.input(0), *dy = g.out_grad();
  const int64_t size = g.node().int_attribute("size"), before = (size - 1) / 2;
  const double alpha = g.node().float_attribute("alpha"), beta = g.node().float_attribute("beta");
  // [N, C, ...] as an image [N, 1, C, ...] whose first spatial axis is the channels.
  const auto image = [&](Value* v) { return g.make("Unsqueeze", {v, g.ints({1})}); };
  const auto flat = [&](Value* v) { return g.make("Squeeze", {v, g.ints({1})}); };
  const auto spatial = static_cast<size_t>(x->rank() - 1);
  Ints kernel(spatial, 1), pads(2 * spatial, 0);
  kernel[0] = size;
  pads[0] = before;
  pads[spatial] = size - 1 - before;
  const Attributes pool{
      {"kernel_shape", kernel}, {"pads", pads}, {"count_include_pad", int64_t{1}}};
  Value* squares = image(g.mul(x, x));
  Value* mean = flat(g.make("AveragePool", {squares}, pool));
  Value* base = g.add(g.mul(mean, g.number(alpha)), g.number(g.node().float_attribute("bias")));
  Value* factor = g.make("Pow", {base, g.number(-beta)});
  Value* through = g.div(g.mul(g.mul(dy, x), g.mul(factor, g.number(-alpha * beta))), base);
  Value* spread = flat(g.make("AveragePoolGradient", {image(through), squares}, pool));
  g.wrt(0, g.add(g.mul(dy, factor), g.mul(g.mul(x, g.number(2)), spread)));
}

CNNC_OP(LRN)
    .doc(
        "Local response normalisation: x / (bias + alpha / size * s)^beta, s the sum of squares "
        "over `size` neighbouring "
        "channels.")
    .onnx({1, 13})
    .input("X", kFloatTypes)
    .output("Y")
    .attribute("alpha", 9.999999747378752e-05)
    .attribute("beta", 0.75)
    .attribute("bias", 1.0)
    .required_attribute("size", int64_t{1})
    .infer(lrn_type)
    .compute(lrn)
    .gradient(lrn_gradient)
    .example({random(DType::f32, {2, 5, 3, 3})}, {{"size", int64_t{3}}})
    .example({random(DType::f64, {1, 5, 4})},
             {{"size", int64_t{4}}, {"alpha", 0.5}, {"beta", 0.5}, {"bias", 2.0}})
    .example({random(DType::f16, {1, 4, 2, 2})}, {{"size", int64_t{7}}});

}  // namespace
}  // namespace cnnc
