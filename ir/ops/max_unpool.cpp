// MaxUnpool: the results of a pool put back to where they came from.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/packed_weights.h"
#include "ir/ops/pooling.h"

namespace cnnc {
namespace {
using enum DType;

// The sizes that a pool with these attributes turns into those of X.
Dims unpooled_dims(const OpContext& c) {
  const size_t n = static_cast<size_t>(c.rank()) - 2;
  const Ints kernel = c.integers("kernel_shape"), strides = per_axis(c, "strides", n),
             pads = pads_of(c, n);
  c.require(kernel.size() == n, "kernel_shape has ", kernel.size(), " numbers, need ", n);
  Dims dims{c.dims()[0], c.dims()[1]};
  for (size_t i = 0; i < n; ++i)
    dims.push_back((c.dims()[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[n + i]);
  return dims;
}

// Each element of the result looks for the one of its image whose index is its own.
Computation unpool(const OpContext& c, int) {
  const int rank = c.rank();
  const Dims inner = unpooled_dims(c);
  Scalars at{Scalar::index(0), Scalar::index(1)};
  Dims loops;
  Scalar inside = Scalar::boolean(true);
  for (int a = 2; a < rank; ++a) {
    at.push_back(Scalar::index(rank + a - 2));
    loops.push_back(c.dims()[static_cast<size_t>(a)]);
    inside = inside && Scalar::index(a) < Scalar::size(inner[static_cast<size_t>(a)]);
  }
  const Scalar here = flat_index(OpContext::indices(rank), inner);
  const Scalar x = load_for_sum(c, 0, at);
  return sum_of(c, loops, select(inside && c.load(1, at) == here, x, x.like(0)));
}

CNNC_OP(MaxUnpool)
    .doc(
        "Zeros but for the elements of X at the flat indices I, which MaxPool gave; output_shape "
        "may ask for more elements at the ends of axes.")
    .onnx({9, 11, 22})
    .input("X", kFloatTypes, "T1")
    .input("I", {i64}, "T2")
    .optional_input("output_shape", {i64}, "T2")
    .required_attribute("kernel_shape", Ints{})
    .attribute("pads", Ints{})
    .attribute("strides", Ints{})
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank() >= 3 && c.dims(1) == c.dims(), "X is ", c.type(), " and I ", c.type(1),
                ", need one shape of at least 3 axes");
      Dims dims = unpooled_dims(c);
      if (c.has(2)) {
        dims = c.need_content(2);
        c.require(static_cast<int>(dims.size()) == c.rank(), "output_shape has ", dims.size(),
                  " sizes, need ", c.rank());
      }
      return {{c.dtype(), dims}};
    })
    .compute(unpool)
    .gradient([](GradientBuilder& g) {
      // The indices speak of the result without what output_shape adds at the ends.
      Ints ends;
      for (const Dim& d : unpooled_dims(g.context())) {
        g.context().require(d.is_const(),
                            "the gradient needs sizes that are numbers; bind symbols "
                            "with --dim or --shape");
        ends.push_back(d.value());
      }
      Value* dy = g.make("Slice", {g.out_grad(), g.ints(Ints(ends.size(), 0)), g.ints(ends)});
      Value* all = g.make("Reshape", {dy, g.ints({-1})});
      Value* places = g.make("Reshape", {g.input(1), g.ints({-1})});
      Value* dx = g.make("Gather", {all, places}, {{"axis", 0}});
      g.wrt(0, g.reshaped_like(dx, g.input(0)));
    })
    .example({random(f64, {1, 2, 2}), given(Tensor::of<int64_t>(i64, {1, 2, 2}, {1, 2, 4, 7}))},
             {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}})
    .example({random(f32, {1, 1, 2, 2}),
              given(Tensor::of<int64_t>(i64, {1, 1, 2, 2}, {0, 3, 9, 10})),
              given(Tensor::ints({1, 1, 5, 5}))},
             {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});

}  // namespace
}  // namespace cnnc
