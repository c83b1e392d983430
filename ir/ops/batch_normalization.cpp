// BatchNormalization.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {

bool is_training(const OpContext& c) { return c.integer("training_mode") != 0; }

// Scale, bias, mean and variance have one element for each channel or, as before opset 9 with
// spatial = 0, for each place in an image.
std::vector<Type> batch_norm_type(const OpContext& c) {
  c.require(c.rank() >= 1, "the input has no axes, need at least one");
  const Dims per_place(c.dims().begin() + 1, c.dims().end());
  for (size_t i = 1; i < 5; ++i) {
    if (!is_training(c) && c.rank() > 2 && c.dims(i) == per_place) continue;
    const std::string& name = c.node().op().inputs()[i].name;
    c.require(c.rank(i) == 1, name, " ", c.type(i), " has ", c.rank(i), " axes, need 1");
    require_equal(c, c.dims(i)[0], "the size of " + name, c.rank() == 1 ? Dim(1) : c.dims()[1],
                  "the number of channels");
  }
  return {c.type(), c.type(3), c.type(4)};
}

// An operand with one element for each channel, placed to broadcast over the input; others
// broadcast as they are.
Value* placed(Graph& g, Value* v, int rank) {
  if (v->rank() != 1 || rank <= 2) return v;
  Ints axes;
  for (int i = 1; i < rank - 1; ++i) axes.push_back(i);
  return g.make("Unsqueeze", {v, g.constant(Tensor::ints(axes))});
}

// x * scale / sqrt(var + epsilon) + (bias - mean * scale / sqrt(var + epsilon)), the two factors
// computed per channel.
Value* from_statistics(const Node& node, Graph& g, Value* mean, Value* variance) {
  Value* x = widened(g, node.input(0));
  const auto wide = [&](Value* v) { return converted(g, v, x->dtype()); };
  Value* factor = g.make(
      "Mul",
      {wide(node.input(1)), inverse_deviation(g, wide(variance), node.float_attribute("epsilon"))});
  Value* offset = g.make("Sub", {wide(node.input(2)), g.make("Mul", {wide(mean), factor})});
  Value* y = g.make("Mul", {x, placed(g, factor, x->rank())});
  y = g.make("Add", {y, placed(g, offset, x->rank())});
  return converted(g, y, node.input(0)->dtype());
}

// old * momentum + current * (1 - momentum)
Value* running(Graph& g, Value* old, Value* current, double momentum) {
  Value* kept =
      g.make("Mul", {converted(g, old, current->dtype()), number_like(g, current, momentum)});
  Value* added = g.make("Mul", {current, number_like(g, current, 1 - momentum)});
  return converted(g, g.make("Add", {kept, added}), old->dtype());
}

// Mean and variance of each channel over the batch.
struct BatchStatistics {
  Ints axes{0};  // all but the channels
  Value *mean, *centred, *variance;  // mean and variance are f32[C], centred is like the input
};

BatchStatistics batch_statistics(Graph& g, Value* x) {
  BatchStatistics s;
  for (int i = 2; i < x->rank(); ++i) s.axes.push_back(i);
  x = widened(g, x);
  const Moments m = moments(g, x, s.axes);
  // The mean of many elements has lost digits, which matter where it is much larger than the deviation. What is left of it in
  // the differences corrects it (Chan, Golub, LeVeque 1983: the corrected two-pass algorithm).
  Value* rest = reduced(g, "ReduceMean", m.centred, s.axes);
  Value* mean = g.make("Add", {m.mean, rest});
  Value* variance = g.make("Sub", {m.variance, g.make("Mul", {rest, rest})});
  Value* channels = g.constant(Tensor::ints({-1}));
  s.mean = g.make("Reshape", {mean, channels});
  s.centred = g.make("Sub", {x, mean});
  s.variance = g.make("Reshape", {g.make("Max", {variance, number_like(g, variance, 0)}), channels});
  return s;
}

// Elements of each channel, as a number of x's type.
Value* elements_of_channel(Graph& g, Value* x, const Ints& axes) {
  Value* count = size_operand(g, x, 0);
  for (size_t i = 1; i < axes.size(); ++i) count = g.make("Mul", {count, size_operand(g, x, static_cast<int>(axes[i]))});
  return converted(g, count, x->dtype());
}

// The sum of squares over the count less one instead of the count.
Value* unbiased(Graph& g, const BatchStatistics& s) {
  Value* count = elements_of_channel(g, s.centred, s.axes);
  Value* one = number_like(g, count, 1);
  Value* less = g.make("Max", {g.make("Sub", {count, one}), one});
  return g.make("Mul", {s.variance, g.make("Div", {count, less})});
}

std::vector<Value*> normalize_batch_parts(const Node& node, Graph& g) {
  const BatchStatistics s = batch_statistics(g, node.input(0));
  return {from_statistics(node, g, s.mean, s.variance)};
}

// With c = x - mean, v = 1 / sqrt(variance + epsilon) and means over each channel:
// dx = (dy - mean(dy) - c v^2 mean(dy c)) scale v. Two sums in one pass over dy and x, then one pass for dx.
void normalize_batch_gradient(GradientBuilder& b) {
  Graph& g = b.graph();
  Value* x = widened(g, b.input(0));
  Value* dy = widened(g, b.out_grad());
  const BatchStatistics s = batch_statistics(g, b.input(0));
  Value* inverse = inverse_deviation(g, s.variance, b.node().float_attribute("epsilon"));
  Value* channels = b.ints({-1});
  const auto sum = [&](Value* v) { return g.make("Reshape", {reduced(g, "ReduceSum", v, s.axes), channels}); };
  Value *dy_sum = sum(dy), *product_sum = sum(b.mul(dy, s.centred));
  b.wrt(1, converted(g, b.mul(product_sum, inverse), b.input(1)->dtype()));
  b.wrt(2, converted(g, dy_sum, b.input(2)->dtype()));
  Value* count = elements_of_channel(g, x, s.axes);
  const auto spread = [&](Value* v) { return placed(g, v, x->rank()); };
  Value* tilt = b.mul(b.mul(inverse, inverse), b.div(product_sum, count));
  Value* rest = b.sub(b.sub(dy, spread(b.div(dy_sum, count))), b.mul(s.centred, spread(tilt)));
  Value* factor = b.mul(converted(g, b.input(1), x->dtype()), inverse);
  b.wrt(0, converted(g, b.mul(rest, spread(factor)), b.input(0)->dtype()));
}

std::vector<Value*> batch_norm_parts(const Node& node, Graph& g) {
  const OpContext c(node);
  if (!is_training(c)) {
    std::vector<Value*> results{from_statistics(node, g, node.input(3), node.input(4))};
    for (size_t i = 1; i < node.output_count(); ++i) results.push_back(node.input(2 + i));
    return results;
  }
  std::vector<Value*> results{g.make("NormalizeBatch", {node.input(0), node.input(1), node.input(2)},
                                     {{"epsilon", c.number("epsilon")}})};
  if (node.output_count() == 1) return results;
  const BatchStatistics s = batch_statistics(g, node.input(0));
  results.push_back(running(g, node.input(3), s.mean, c.number("momentum")));
  Value* variance = c.integer("unbiased") != 0 ? unbiased(g, s) : s.variance;
  results.push_back(running(g, node.input(4), variance, c.number("momentum")));
  results.resize(node.output_count());
  return results;
}

std::vector<Type> normalize_batch_type(const OpContext& c) {
  c.require(c.rank() >= 1, "the input has no axes, need at least one");
  for (size_t i = 1; i < 3; ++i) {
    const std::string& name = c.node().op().inputs()[i].name;
    c.require(c.rank(i) == 1, name, " ", c.type(i), " has ", c.rank(i), " axes, need 1");
    require_equal(c, c.dims(i)[0], "the size of " + name, c.rank() == 1 ? Dim(1) : c.dims()[1],
                  "the number of channels");
  }
  return {c.type()};
}

// Before opset 14 the number of outputs told training from inference.
void training_by_outputs(OnnxNode& n) {
  for (const char* name : {"is_test", "consumed_inputs", "spatial"}) n.take(name);
  if (n.output_count <= 1) return;
  if (n.output_count > 3)
    throw Error(
        cat(n.op, ": outputs saved_mean and saved_var, which opset 14 removed, are not supported"));
  n.attributes["training_mode"] = int64_t{1};
}

void forget_training_mode(OnnxNode& n) {
  if (n.for_training) n.take("training_mode");
}

CNNC_OP(NormalizeBatch)
    .doc(
        "BatchNormalization with training_mode, its output alone: (x - mean) / sqrt(variance + epsilon) times a scale plus a "
        "bias, with mean and variance of each channel of the batch.")
    .input("X", kFloatTypes)
    .input("scale", kFloatTypes, "T1")
    .input("B", kFloatTypes, "T1")
    .attribute("epsilon", 9.999999747378752e-06)
    .infer(normalize_batch_type)
    .decompose(normalize_batch_parts)
    .gradient(normalize_batch_gradient)
    .example({random(DType::f32, {2, 3, 4, 5}), random(DType::f32, {3}), random(DType::f32, {3})})
    .example({random(DType::f64, {4, 3}), random(DType::f64, {3}), random(DType::f64, {3})}, {{"epsilon", 0.01}});

CNNC_OP(BatchNormalization)
    .doc(
        "(x - mean) / sqrt(variance + epsilon) times a scale plus a bias, all of each channel. "
        "With training_mode, mean and "
        "variance are those of the batch, and the running ones are returned too: old * momentum + "
        "new * (1 - momentum). With unbiased, which is not ONNX's, the new variance is the one over the count less one.")
    .onnx({1, 6, 7, 9, 14, 15})
    .onnx_upgrade(13, training_by_outputs)
    .onnx_upgrade(kEveryOpset, forget_training_mode)
    .input("X", kFloatTypes)
    .input("scale", kFloatTypes, "T1")
    .input("B", kFloatTypes, "T1")
    .input("input_mean", kFloatTypes, "T2")
    .input("input_var", kFloatTypes, "T2")
    .output("Y")
    .optional_output("running_mean")
    .optional_output("running_var")
    .attribute("epsilon", 9.999999747378752e-06)
    .attribute("momentum", 0.8999999761581421)
    .attribute("training_mode", int64_t{0})
    .attribute("unbiased", int64_t{0})
    .infer(batch_norm_type)
    .decompose(batch_norm_parts)
    .example({random(DType::f32, {2, 3, 4, 5}), random(DType::f32, {3}), random(DType::f32, {3}),
              random(DType::f32, {3}), random(DType::f32, {3}, 0.5, 2)},
             {}, 1)
    .example({random(DType::f32, {4, 3}), random(DType::f32, {3}), random(DType::f32, {3}),
              random(DType::f32, {3}), random(DType::f32, {3}, 0.5, 2)},
             {{"epsilon", 0.01}}, 1)
    .example({random(DType::f32, {2, 3, 4}), random(DType::f32, {3}), random(DType::f32, {3}),
              random(DType::f32, {3}), random(DType::f32, {3}, 0.5, 2)},
             {{"training_mode", int64_t{1}}, {"momentum", 0.75}}, 3)
    .example({random(DType::f32, {2, 3, 4}), random(DType::f32, {3}), random(DType::f32, {3}),
              random(DType::f32, {3}), random(DType::f32, {3}, 0.5, 2)},
             {{"training_mode", int64_t{1}}, {"unbiased", int64_t{1}}}, 3)
    .example({random(DType::f32, {2, 3, 4}), random(DType::f32, {3, 4}), random(DType::f32, {3, 4}),
              random(DType::f32, {3, 4}), random(DType::f32, {3, 4}, 0.5, 2)},
             {}, 1)
    .example({random(DType::f16, {2, 3, 4}), random(DType::f16, {3}), random(DType::f16, {3}),
              random(DType::f32, {3}), random(DType::f32, {3}, 0.5, 2)},
             {}, 1)
    .example({random(DType::f64, {5}), random(DType::f64, {1}), random(DType::f64, {1}),
              random(DType::f64, {1}), random(DType::f64, {1}, 0.5, 2)},
             {}, 1);

}  // namespace
}  // namespace cnnc
