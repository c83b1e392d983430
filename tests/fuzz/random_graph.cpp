#include "tests/fuzz/random_graph.h"

#include <algorithm>
#include <functional>
#include <random>

#include "ir/error.h"
#include "tests/support/network_builder.h"

namespace cnnc {

namespace {

// Elements of a value with a batch of 3, and bytes that weights may have.
constexpr int64_t kMostElements = 1 << 13;

class Generator {
 public:
  Generator(Graph& graph, uint64_t seed) : graph_(graph), builder_(graph, seed), random_(seed) {
    start();
  }

  void step() {
    // Operands and attributes are drawn blindly; what does not fit is left out.
    try {
      if (Value* value = draw(); value != nullptr && is_small(*value)) values_.push_back(value);
    } catch (const Error&) {
    }
  }

  // The last value and one or two others.
  void finish() {
    graph_.add_output(values_.back());
    for (int64_t more = pick(0, 2); more > 0; --more) graph_.add_output(any());
  }

 private:
  using Draw = Value* (Generator::*)();

  void start() {
    const bool integers = chance(0.15);
    dtype_ = integers ? (chance(0.5) ? DType::i32 : DType::i64) : chance(0.1) ? DType::f64 : DType::f32;
    const int64_t rank = pick(2, 5);
    Dims dims{chance(0.5) ? Dim::symbol(kFuzzBatch) : Dim(pick(1, 3))};
    while (static_cast<int64_t>(dims.size()) < rank) dims.push_back(size());
    values_.push_back(graph_.add_input({dtype_, dims}, "x"));
    if (chance(0.3)) values_.push_back(graph_.add_input({dtype_, dims}, "y"));
  }

  int64_t pick(int64_t low, int64_t high) { return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1)); }
  bool chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1p-53 < probability; }
  template <typename T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[pick(0, static_cast<int64_t>(choices.size()) - 1)];
  }
  int64_t size() { return one_of<int64_t>({1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 33}); }

  // Mostly one of the last values, so that chains grow.
  Value* any() {
    const auto last = static_cast<int64_t>(values_.size()) - 1;
    return values_[static_cast<size_t>(chance(0.7) ? std::max<int64_t>(0, last - pick(0, 1)) : pick(0, last))];
  }
  Value* any_of_rank(int64_t low, int64_t high) {
    for (int tries = 0; tries < 8; ++tries)
      if (Value* v = any(); v->rank() >= low && v->rank() <= high) return v;
    throw Error("no value has such a rank");
  }

  static bool is_small(const Value& value) {
    int64_t elements = 1;
    for (const Dim& d : value.type().dims) elements *= d.substitute({{kFuzzBatch, 3}}).value();
    return elements > 0 && elements <= kMostElements;
  }

  Value* draw() {
    static constexpr Draw kKinds[] = {
        &Generator::unary,     &Generator::unary,     &Generator::binary,   &Generator::binary,
        &Generator::broadcast, &Generator::reduction, &Generator::against_mean, &Generator::transpose,
        &Generator::reshape,   &Generator::slice,     &Generator::concat,   &Generator::pad,
        &Generator::unsqueeze, &Generator::squeeze,   &Generator::gather,   &Generator::split,
        &Generator::conv,      &Generator::conv,      &Generator::dense,    &Generator::product,
        &Generator::pool,      &Generator::normalize, &Generator::tile,     &Generator::choose};
    return (this->*kKinds[pick(0, static_cast<int64_t>(std::size(kKinds)) - 1)])();
  }

  Value* unary() {
    const char* op = is_float(dtype_)
                         ? one_of({"Relu", "Sigmoid", "Tanh", "Neg", "Abs", "HardSwish", "LeakyRelu", "Elu",
                                   "Softplus", "Erf", "Gelu", "Sin", "Identity", "Mish"})
                         : one_of({"Neg", "Abs", "Identity", "Sign"});
    return builder_.make(op, {any()});
  }

  Value* binary() {
    const char* op = one_of({"Add", "Sub", "Mul", "Max", "Min"});
    Value* a = any();
    for (int tries = 0; tries < 4; ++tries)
      if (Value* b = any(); b->type().dims == a->type().dims) return builder_.make(op, {a, b});
    return builder_.make(op, {a, any()});
  }

  Value* constant(Shape shape) {
    if (is_float(dtype_)) return builder_.make("Cast", {builder_.weights(std::move(shape), -1, 1)}, {{"to", dtype_}});
    return builder_.make("Cast", {builder_.weights(std::move(shape), -9, 9)}, {{"to", dtype_}});
  }

  // With a constant whose axes are those of the value, 1 or absent.
  Value* broadcast() {
    Value* x = any();
    Shape shape;
    for (int a = static_cast<int>(pick(0, x->rank())); a < x->rank(); ++a)
      shape.push_back(x->dim(a).is_const() && chance(0.6) ? x->dim(a).value() : 1);
    std::vector<Value*> operands{x, constant(shape)};
    if (chance(0.5)) std::swap(operands[0], operands[1]);
    return builder_.make(one_of({"Add", "Sub", "Mul", "Max"}), operands);
  }

  Ints some_axes(const Value& x) {
    Ints axes;
    for (int a = 0; a < x.rank(); ++a)
      if (chance(0.4)) axes.push_back(chance(0.5) ? a : a - x.rank());
    if (axes.empty()) axes.push_back(pick(0, x.rank() - 1));
    return axes;
  }

  Value* reduction() {
    Value* x = any_of_rank(1, 6);
    const char* op = is_float(dtype_) ? one_of({"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceL1"})
                                      : one_of({"ReduceSum", "ReduceMax", "ReduceMin"});
    return builder_.make(op, {x, builder_.ints(some_axes(*x))}, {{"keepdims", pick(0, 1)}});
  }

  Value* against_mean() {
    Value* x = any_of_rank(1, 6);
    const char* op = is_float(dtype_) ? "ReduceMean" : "ReduceMax";
    return builder_.make("Sub", {x, builder_.make(op, {x, builder_.ints(some_axes(*x))})});
  }

  Value* transpose() {
    Value* x = any_of_rank(2, 6);
    Ints perm;
    for (int a = 0; a < x->rank(); ++a) perm.push_back(a);
    std::shuffle(perm.begin(), perm.end(), random_);
    return builder_.make("Transpose", {x}, {{"perm", perm}});
  }

  // Joins two neighbouring axes or takes a factor out of one.
  Value* reshape() {
    Value* x = any_of_rank(2, 5);
    Ints sizes;
    const auto at = pick(0, x->rank() - 2);
    for (int a = 0; a < x->rank(); ++a) {
      const Dim& d = x->dim(a);
      if (a == at && chance(0.5)) {
        sizes.push_back(-1);
        ++a;
      } else if (a == at && d.is_const() && d.value() % 2 == 0) {
        sizes.push_back(2);
        sizes.push_back(d.value() / 2);
      } else {
        sizes.push_back(d.is_const() ? d.value() : a == static_cast<int>(sizes.size()) ? 0 : -1);
      }
    }
    return builder_.make("Reshape", {x, builder_.ints(sizes)});
  }

  Value* slice() {
    Value* x = any_of_rank(1, 6);
    const bool backwards = chance(0.2);
    const int64_t start = backwards ? -1 : pick(0, 2), end = backwards ? INT64_MIN : chance(0.5) ? INT64_MAX : -pick(1, 2);
    return builder_.make("Slice", {x, builder_.ints({start}), builder_.ints({end}), builder_.ints({pick(0, x->rank() - 1)}),
                                   builder_.ints({backwards ? -pick(1, 2) : pick(1, 3)})});
  }

  Value* concat() {
    std::vector<Value*> parts{any_of_rank(1, 6)};
    const auto rank = parts[0]->rank();
    for (int64_t more = pick(1, 2); more > 0; --more) parts.push_back(any_of_rank(rank, rank));
    return builder_.make("Concat", parts, {{"axis", pick(0, rank - 1)}});
  }

  Value* pad() {
    Value* x = any_of_rank(1, 6);
    Ints pads;
    for (int a = 0; a < 2 * x->rank(); ++a) pads.push_back(chance(0.4) ? pick(0, 2) : 0);
    return builder_.make("Pad", {x, builder_.ints(pads)}, {{"mode", one_of({"constant", "constant", "edge", "reflect"})}});
  }

  Value* unsqueeze() {
    Value* x = any_of_rank(0, 4);
    return builder_.make("Unsqueeze", {x, builder_.ints({pick(0, x->rank())})});
  }

  Value* squeeze() {
    Value* x = any_of_rank(1, 6);
    return builder_.make("Squeeze", {x, builder_.ints({pick(0, x->rank() - 1)})});
  }

  Value* gather() {
    Value* x = any_of_rank(1, 5);
    const auto axis = pick(0, x->rank() - 1);
    const Dim& d = x->dim(static_cast<int>(axis));
    const int64_t last = d.is_const() ? d.value() - 1 : 0;
    Ints places;
    for (int64_t more = pick(1, 4); more > 0; --more) places.push_back(pick(-last - 1, last));
    return builder_.make("Gather", {x, builder_.ints(places)}, {{"axis", axis}});
  }

  Value* split() {
    Value* x = any_of_rank(1, 6);
    const auto count = pick(2, 3);
    const Node* node = graph_.add("Split", {x}, {{"axis", pick(0, x->rank() - 1)}, {"num_outputs", count}}, static_cast<int>(count));
    values_.push_back(node->output(0));
    return node->output(static_cast<size_t>(count - 1));
  }

  Value* conv() {
    Value* x = any_of_rank(3, 5);
    require_f32(*x);
    const int64_t channels = constant_size(x->dim(1));
    ConvOptions o;
    o.kernel = pick(1, 3);
    o.stride = pick(1, 2);
    o.padding = pick(0, o.kernel - 1);
    o.bias = chance(0.5);
    const bool depthwise = chance(0.25);
    o.group = depthwise ? channels : channels % 2 == 0 && chance(0.3) ? 2 : 1;
    const int64_t outputs = o.group * pick(1, depthwise ? 2 : 20);
    Value* y = builder_.conv(x, outputs, o);
    return chance(0.3) ? builder_.batch_norm(y) : y;
  }

  static int64_t constant_size(const Dim& d) {
    if (!d.is_const()) throw Error("its size is symbolic");
    return d.value();
  }
  static void require_f32(const Value& x) {
    if (x.dtype() != DType::f32) throw Error("weights are f32");
  }

  Value* dense() {
    Value* x = any_of_rank(1, 5);
    require_f32(*x);
    constant_size(x->dim(x->rank() - 1));
    return builder_.dense(x, pick(1, 40));
  }

  // With its own transpose, smaller so that chains of products stay small.
  Value* product() {
    Value* x = any_of_rank(2, 4);
    Ints perm;
    for (int a = 0; a < x->rank(); ++a) perm.push_back(a);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    Value* y = builder_.make("MatMul", {x, builder_.make("Transpose", {x}, {{"perm", perm}})});
    return is_float(dtype_) ? builder_.make("Tanh", {y}) : y;
  }

  Value* pool() {
    Value* x = any_of_rank(3, 5);
    if (chance(0.3)) return builder_.make(one_of({"GlobalAveragePool", "GlobalMaxPool"}), {x});
    const int64_t kernel = pick(1, 3);
    return builder_.pool(one_of({"MaxPool", "AveragePool"}), x, kernel, pick(1, 2), pick(0, kernel / 2));
  }

  // With epsilons that keep the noise of rows without spread small.
  Value* normalize() {
    Value* x = any_of_rank(2, 5);
    switch (pick(0, 2)) {
      case 0:
        return builder_.make("Softmax", {x}, {{"axis", pick(-1, x->rank() - 1)}});
      case 1: {
        require_f32(*x);
        const Shape last{constant_size(x->dim(x->rank() - 1))};
        return builder_.make("LayerNormalization", {x, builder_.weights(last, 0.5, 1.5)}, {{"axis", -1}, {"epsilon", 0.1}});
      }
      default:
        require_f32(*x);
        const Shape channels{constant_size(x->dim(1))};
        return builder_.make("InstanceNormalization",
                             {x, builder_.weights(channels, 0.5, 1.5), builder_.weights(channels, -1, 1)}, {{"epsilon", 0.1}});
    }
  }

  Value* tile() {
    Value* x = any_of_rank(1, 5);
    Ints repeats(static_cast<size_t>(x->rank()), 1);
    repeats[static_cast<size_t>(pick(0, x->rank() - 1))] = 2;
    return builder_.make("Tile", {x, builder_.ints(repeats)});
  }

  // By a constant, so that rounding decides nothing.
  Value* choose() {
    Value* x = any_of_rank(1, 6);
    Shape shape;
    for (const Dim& d : x->type().dims) shape.push_back(d.is_const() ? d.value() : 1);
    Value* flags = builder_.make("Greater", {builder_.weights(shape, -1, 1), builder_.weights({}, 0, 0)});
    return builder_.make("Where", {flags, x, builder_.make("Neg", {x})});
  }

  Graph& graph_;
  NetworkBuilder builder_;
  std::mt19937_64 random_;
  std::vector<Value*> values_;
  DType dtype_ = DType::f32;
};

}  // namespace

std::unique_ptr<Graph> random_graph(uint64_t seed, int steps) {
  auto graph = std::make_unique<Graph>(cat("seed_", seed));
  Generator generator(*graph, seed);
  for (int i = 0; i < steps; ++i) generator.step();
  generator.finish();
  return graph;
}

}  // namespace cnnc
