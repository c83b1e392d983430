#include "tests/support/network_builder.h"

#include <cmath>

#include "tests/support/examples.h"

namespace cnnc {

Value* NetworkBuilder::weights(Shape shape, double low, double high) {
  return graph_.constant(
      random_tensor(DType::f32, shape, low, high, static_cast<unsigned>(++seed_)));
}

Value* NetworkBuilder::weights(Shape shape, int64_t terms) {
  const double bound = std::sqrt(3.0 / static_cast<double>(std::max<int64_t>(terms, 1)));
  return weights(std::move(shape), -bound, bound);
}

Value* NetworkBuilder::conv(Value* x, int64_t channels, const ConvOptions& o) {
  const auto spatial = static_cast<size_t>(x->rank() - 2);
  const int64_t in = x->dim(1).value() / o.group;
  Shape shape{channels, in};
  int64_t terms = in;
  for (size_t a = 0; a < spatial; ++a) {
    shape.push_back(o.kernel);
    terms *= o.kernel;
  }
  std::vector<Value*> operands{x, weights(std::move(shape), terms)};
  if (o.bias) operands.push_back(weights({channels}, -0.5, 0.5));
  return make("Conv", operands,
              {{"group", o.group},
               {"strides", Ints(spatial, o.stride)},
               {"pads", Ints(2 * spatial, o.padding)}});
}

Value* NetworkBuilder::batch_norm(Value* x) {
  const Shape channels{x->dim(1).value()};
  return make("BatchNormalization",
              {x, weights(channels, 0.5, 1.5), weights(channels, -0.5, 0.5),
               weights(channels, -0.5, 0.5), weights(channels, 0.5, 1.5)});
}

Value* NetworkBuilder::conv_norm_relu(Value* x, int64_t channels, const ConvOptions& options) {
  return make("Relu", {batch_norm(conv(x, channels, options))});
}

Value* NetworkBuilder::pool(std::string_view op, Value* x, int64_t kernel, int64_t stride,
                            int64_t padding) {
  const auto spatial = static_cast<size_t>(x->rank() - 2);
  return make(op, {x},
              {{"kernel_shape", Ints(spatial, kernel)},
               {"strides", Ints(spatial, stride)},
               {"pads", Ints(2 * spatial, padding)}});
}

Value* NetworkBuilder::dense(Value* x, int64_t outputs) {
  const int64_t inputs = x->dim(x->rank() - 1).value();
  return make("Add", {make("MatMul", {x, weights({inputs, outputs}, inputs)}),
                      weights({outputs}, -0.5, 0.5)});
}

Value* NetworkBuilder::layer_norm(Value* x) {
  const Shape last{x->dim(x->rank() - 1).value()};
  return make("LayerNormalization", {x, weights(last, 0.5, 1.5), weights(last, -0.5, 0.5)},
              {{"axis", -1}});
}

}  // namespace cnnc
