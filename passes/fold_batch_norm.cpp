// BatchNormalization and other arithmetic per channel goes into the weights and the bias beside it.
#include "ir/op_def.h"
#include "ir/ops/convolution.h"
#include "passes/channel_affine.h"
#include "passes/constants.h"
#include "passes/passes.h"

namespace cnnc {

namespace {

// Patterns of nodes that may be a map per channel of `x`.
std::vector<Pattern> maps_of(const Pattern& x) {
  std::vector<Pattern> maps;
  for (const char* name : {"Mul", "Add", "Sub", "Div"}) maps.push_back(op(name, {x, constant("factor")}).commutative());
  maps.push_back(op("BatchNormalization", {x, constant("scale"), constant("offset"), constant("mean"), constant("variance")}));
  return maps;
}

bool is_unpacked(const Node& n) { return n.attribute("weight_shape") == nullptr; }
bool has_known_bias(const Node& n) { return n.input(2) == nullptr || known_tensor(n.input(2)); }

std::vector<double> numbers_of(const Value* v, size_t count) {
  std::vector<double> numbers(count, 0);
  if (v == nullptr) return numbers;
  for (size_t i = 0; i < count; ++i) numbers[i] = v->constant()->as_double(static_cast<int64_t>(i));
  return numbers;
}

Value* bias_constant(Graph& g, const Node& conv, const std::vector<double>& bias, bool needed) {
  return needed || conv.input(2) ? g.constant(vector_of(conv.output()->dtype(), bias)) : nullptr;
}

Value* convolution(Graph& g, const Node& old, Value* x, Tensor weights, Value* bias) {
  std::vector<Value*> operands{x, g.constant(std::move(weights))};
  if (bias) operands.push_back(bias);
  return g.make(old.op_name(), std::move(operands), old.attributes());
}

// ---- behind a convolution --------------------------------------------------------------------------------------------

Pattern convolution_pattern() {
  return one_of({"Conv", "ConvTranspose"}, {any("x"), known_constant("w"), optional("b")})
      .bind("conv")
      .used_once()
      .where(is_unpacked, "its weights are packed")
      .where(has_known_bias, "its bias is no constant");
}

std::optional<ChannelAffine> map_of_convolution(const Match& m) {
  const Value& y = *m["conv"];
  return channel_affine(m.root(), y, channel_layout(OpContext(m.node("conv"))).channel());
}

// The output channel that an element of the weights belongs to.
std::function<int64_t(int64_t)> output_channel(const Node& conv) {
  const Shape& w = conv.input(1)->constant()->shape();
  int64_t taps = 1;
  for (size_t i = 2; i < w.size(); ++i) taps *= w[i];
  const int64_t second = w[1], groups = conv.int_attribute("group"), inputs_per_group = w[0] / groups;
  if (conv.is("Conv")) return [=](int64_t i) { return i / (taps * second); };
  return [=](int64_t i) { return i / (taps * second) / inputs_per_group * second + i / taps % second; };
}

Replacement fold_into_convolution(const Match& m, Graph& g) {
  const Node& conv = m.node("conv");
  const ChannelAffine a = *map_of_convolution(m);
  const auto channel = output_channel(conv);
  Tensor weights = mapped(*m["w"]->constant(), [&](int64_t i, double w) { return w * a.scale[static_cast<size_t>(channel(i))]; });
  std::vector<double> bias = numbers_of(m["b"], a.scale.size());
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = bias[i] * a.scale[i] + a.shift[i];
  return convolution(g, conv, m["x"], std::move(weights), bias_constant(g, conv, bias, a.shifts()));
}

// ---- in front of a convolution ---------------------------------------------------------------------------------------

bool is_unpadded(const Node& conv) {
  for (const WindowAxis& axis : conv_geometry(OpContext(conv)).window)
    if (!(axis.pad_begin == 0) || !(axis.pad_end == 0)) return false;
  return true;
}

std::optional<ChannelAffine> map_of_operand(const Match& m) {
  const Node& map = m.node("map");
  return channel_affine(map, *mapped_operand(map), channel_layout(OpContext(m.root())).channel());
}

// Padding is 0 behind the map, so it must be 0 in front of it too.
bool convolution_takes_map(const Match& m) {
  if (mapped_operand(m.node("map")) == nullptr) return false;
  const auto a = map_of_operand(m);
  return a && (!a->shifts() || is_unpadded(m.root()));
}

Replacement fold_into_next_convolution(const Match& m, Graph& g) {
  const Node& conv = m.root();
  const ChannelAffine a = *map_of_operand(m);
  const Tensor& w = *m["w"]->constant();
  const int64_t outputs = w.shape()[0], per_group = w.shape()[1], groups = conv.int_attribute("group");
  const int64_t taps = w.size() / (outputs * per_group);
  std::vector<double> bias = numbers_of(m["b"], static_cast<size_t>(outputs));
  Tensor weights = mapped(w, [&](int64_t i, double element) {
    const int64_t out = i / (per_group * taps);
    const auto in = static_cast<size_t>(out / (outputs / groups) * per_group + i / taps % per_group);
    bias[static_cast<size_t>(out)] += element * a.shift[in];
    return element * a.scale[in];
  });
  return convolution(g, conv, mapped_operand(m.node("map")), std::move(weights), bias_constant(g, conv, bias, a.shifts()));
}

Rewrite before_convolution(const char* map) {
  return {cat("fold-", map, "-into-next-convolution"), "Conv(scale x + shift) -> Conv(x)",
          op("Conv", {op(map).bind("map").used_once(), known_constant("w"), optional("b")})
              .where(is_unpacked, "its weights are packed")
              .where(has_known_bias, "its bias is no constant")
              .where(convolution_takes_map, "what it reads is no finite map per channel, or padding would change"),
          fold_into_next_convolution};
}

// ---- behind a matrix product -----------------------------------------------------------------------------------------

Pattern matmul_pattern() {
  return op("MatMul", {any("x"), known_constant("w").where([](const Value& v) { return v.rank() == 2; }, "it is no matrix")})
      .bind("matmul")
      .used_once()
      .where(is_unpacked, "its weights are packed");
}

std::optional<ChannelAffine> map_of_product(const Match& m, const std::string& name) {
  return channel_affine(m.root(), *m[name], m[name]->rank() - 1);
}

// The product with weights scaled, plus the shift.
Value* product(const Match& m, Graph& g, const ChannelAffine& a) {
  const Node& matmul = m.node("matmul");
  const int64_t columns = m["w"]->constant()->shape()[1];
  const bool transposed = matmul.int_attribute("transB") != 0;
  Tensor weights = mapped(*m["w"]->constant(), [&](int64_t i, double w) {
    return w * a.scale[static_cast<size_t>(transposed ? i / columns : i % columns)];
  });
  Value* y = g.make("MatMul", {m["x"], g.constant(std::move(weights))}, matmul.attributes());
  return a.shifts() ? g.make("Add", {y, g.constant(vector_of(y->dtype(), a.shift))}) : y;
}

std::optional<ChannelAffine> map_of_biased_product(const Match& m) {
  const auto bias = channel_affine(m.node("biased"), *m["matmul"], m["matmul"]->rank() - 1);
  const auto next = map_of_product(m, "biased");
  if (!bias || !next) return std::nullopt;
  return bias->then(*next);
}

bool product_takes_map(const Match& m) {
  const auto a = map_of_product(m, "matmul");
  return a && a->scales();
}

constexpr const char* kNoMap = "it is no finite map per channel";

std::vector<Rewrite> rewrites(const Target&) {
  std::vector<Rewrite> all;
  for (const Pattern& root : maps_of(convolution_pattern()))
    all.push_back({"fold-into-convolution", "scale Conv(x) + shift -> Conv(x)",
                   root.where([](const Match& m) { return map_of_convolution(m).has_value(); }, kNoMap), fold_into_convolution});
  for (const Pattern& root : maps_of(matmul_pattern()))
    all.push_back({"fold-into-matmul", "scale MatMul(x) + shift -> MatMul(x) + shift", root.where(product_takes_map, kNoMap),
                   [](const Match& m, Graph& g) { return product(m, g, *map_of_product(m, "matmul")); }});
  const Pattern biased = op("Add", {matmul_pattern(), constant("bias")}).commutative().bind("biased").used_once();
  for (const Pattern& root : maps_of(biased))
    all.push_back({"fold-into-biased-matmul", "scale (MatMul(x) + bias) + shift -> MatMul(x) + shift",
                   root.where([](const Match& m) { return map_of_biased_product(m).has_value(); }, kNoMap),
                   [](const Match& m, Graph& g) { return product(m, g, *map_of_biased_product(m)); }});
  for (const char* map : {"Mul", "Add", "Sub", "Div", "BatchNormalization"}) all.push_back(before_convolution(map));
  return all;
}

}  // namespace

Pass fold_batch_norm() {
  return {"fold-batch-norm", "BatchNormalization and other arithmetic per channel goes into the weights beside it.", nullptr,
          rewrites};
}

}  // namespace cnnc
