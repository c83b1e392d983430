#include "ir/ops/recurrent.h"

#include <map>

#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {

enum Operand : size_t { kX = 0, kW = 1, kR = 2, kB = 3, kLengths = 4 };

bool is_batch_first(const Node& node) { return node.int_attribute("layout") != 0; }

int64_t directions_of(const Node& node) {
  return node.string_attribute("direction") == "bidirectional" ? 2 : 1;
}

bool runs_backwards(const Node& node, int64_t direction) {
  return direction == 1 || node.string_attribute("direction") == "reverse";
}

Value* axis_constant(Graph& g, int64_t axis) { return g.constant(Tensor::ints({axis})); }

Value* transposed(Graph& g, Value* x, const Ints& perm) {
  return g.make("Transpose", {x}, {{"perm", perm}});
}

// ---- activations

struct KnownActivation {
  bool has_alpha, has_beta;
  double alpha, beta;
};

const std::map<std::string, KnownActivation>& known_activations() {
  static const std::map<std::string, KnownActivation> kKnown = {
      {"Relu", {false, false, 0, 0}},        {"Tanh", {false, false, 0, 0}},
      {"Sigmoid", {false, false, 0, 0}},     {"Softsign", {false, false, 0, 0}},
      {"Softplus", {false, false, 0, 0}},    {"Affine", {true, true, 1, 0}},
      {"LeakyRelu", {true, false, 0.01, 0}}, {"ThresholdedRelu", {true, false, 1, 0}},
      {"ScaledTanh", {true, true, 1, 1}},    {"HardSigmoid", {true, true, 0.2, 0.5}},
      {"Elu", {true, false, 1, 0}},
  };
  return kKnown;
}

Floats numbers_of(const Node& node, const char* name) {
  return std::get<Floats>(*node.attribute(name));
}

// Of all directions. The lists of numbers hold only those of activations that have some.
std::vector<CellActivation> activations_of(const OpContext& c, const Cell& cell) {
  Strings names = std::get<Strings>(*c.node().attribute("activations"));
  const auto count = cell.default_activations.size() * static_cast<size_t>(directions_of(c.node()));
  if (names.empty())
    for (size_t i = 0; i < count; ++i)
      names.push_back(cell.default_activations[i % cell.default_activations.size()]);
  c.require(names.size() == count, "has ", names.size(), " activations, need ", count);
  const Floats alphas = numbers_of(c.node(), "activation_alpha"),
               betas = numbers_of(c.node(), "activation_beta");
  size_t next_alpha = 0, next_beta = 0;
  std::vector<CellActivation> result;
  for (const std::string& name : names) {
    const auto known = known_activations().find(name);
    c.require(known != known_activations().end(), "activation ", quoted(name),
              " is not one of ONNX's");
    CellActivation a{name, known->second.alpha, known->second.beta};
    if (known->second.has_alpha && next_alpha < alphas.size()) a.alpha = alphas[next_alpha++];
    if (known->second.has_beta && next_beta < betas.size()) a.beta = betas[next_beta++];
    result.push_back(a);
  }
  return result;
}

// ---- sequences

// The operands and results of a layer, time first.
class Layer {
 public:
  Layer(const Node& node, Graph& g, const Cell& cell)
      : node_(node), g_(g), cell_(cell), activations_(activations_of(OpContext(node), cell)) {
    x_ = is_batch_first(node) ? transposed(g, node.input(kX), {1, 0, 2}) : node.input(kX);
    if (node.input(kLengths)) running_ = running();
  }

  std::vector<Value*> build() {
    std::vector<std::vector<Value*>> results;  // by direction: final states, then the sequence
    for (int64_t d = 0; d < directions_of(node_); ++d) results.push_back(direction(d));
    const auto states = static_cast<size_t>(cell_.states);
    std::vector<Value*> outputs{joined(results, states, 1)};
    for (size_t i = 0; i < states; ++i) outputs.push_back(joined(results, i, 0));
    if (is_batch_first(node_)) {
      outputs[0] = transposed(g_, outputs[0], {2, 0, 1, 3});
      for (size_t i = 1; i < outputs.size(); ++i)
        outputs[i] = transposed(g_, outputs[i], {1, 0, 2});
    }
    outputs.resize(node_.output_count());
    return outputs;
  }

 private:
  // Whether a sequence still runs at each time: [time, batch, 1].
  Value* running() {
    Value* zero = number(DType::i32, 0);
    Value* time = converted(g_, g_.make("Squeeze", {size_operand(g_, x_, 0)}), DType::i32);
    Value* times = g_.make("Range", {zero, time, number(DType::i32, 1)});
    times = g_.make("Unsqueeze", {times, g_.constant(Tensor::ints({1, 2}))});
    Value* lengths = g_.make("Unsqueeze", {node_.input(kLengths), axis_constant(g_, 1)});
    return g_.make("Less", {times, lengths});
  }

  Value* factors() const { return cell_.factors == 0 ? nullptr : node_.input(cell_.factors); }

  Value* number(DType dtype, int64_t n) {
    Tensor tensor(dtype, {});
    tensor.set_int(0, n);
    return g_.constant(tensor);
  }

  // One value of each direction, with an axis of directions at `axis`.
  Value* joined(const std::vector<std::vector<Value*>>& results, size_t which, int64_t axis) {
    std::vector<Value*> parts;
    for (const auto& direction : results)
      parts.push_back(g_.make("Unsqueeze", {direction[which], axis_constant(g_, axis)}));
    return parts.size() == 1 ? parts[0] : g_.make("Concat", parts, {{"axis", axis}});
  }

  Value* initial_state(const Direction& d, size_t i) {
    if (Value* given = node_.input(cell_.initial_state + i)) {
      if (!is_batch_first(node_)) return d.operand(cell_.initial_state + i);
      const auto axis = static_cast<double>(d.number);
      return g_.make("Gather", {given, g_.constant(Tensor::scalar(DType::i64, axis))},
                     {{"axis", int64_t{1}}});
    }
    Value* sizes =
        g_.make("Concat", {size_operand(g_, x_, 1), size_operand(g_, node_.input(kR), 2)},
                {{"axis", int64_t{0}}});
    return g_.make("Expand", {number_like(g_, x_, 0), sizes});
  }

  std::vector<Value*> direction(int64_t number) {
    const Direction d{g_, node_, number};
    Value* weights = transposed(g_, d.operand(kW), {1, 0});
    Value* x = g_.make("MatMul", {x_, weights});
    if (Value* bias = cell_.input_bias(d)) x = g_.make("Add", {x, bias});
    std::vector<Value*> operands;
    for (size_t i = 0; i < static_cast<size_t>(cell_.states); ++i)
      operands.push_back(initial_state(d, i));
    operands.push_back(x);
    if (running_) operands.push_back(running_);
    std::vector<Value*> constants = cell_.constants(d);
    if (factors()) constants.push_back(factors());
    operands.insert(operands.end(), constants.begin(), constants.end());
    const int64_t slices = running_ ? 2 : 1, backwards = runs_backwards(node_, number);
    const Attributes attributes = {
        {"body", body(number, operands, slices)},
        {"num_scan_inputs", slices},
        {"num_captures", static_cast<int64_t>(constants.size())},
        {"scan_input_directions", Ints(static_cast<size_t>(slices), backwards)},
        {"scan_output_directions", Ints{backwards}}};
    const Node* scan = g_.add("Scan", operands, attributes, cell_.states + 1);
    std::vector<Value*> results;
    for (size_t i = 0; i < scan->output_count(); ++i) results.push_back(scan->output(i));
    return results;
  }

  // One time step over the Scan's operands, of which `slices` lose their first axis.
  std::shared_ptr<Graph> body(int64_t number, const std::vector<Value*>& operands, int64_t slices) {
    auto body = std::make_shared<Graph>("step");
    body->set_current_origins(node_.origins());
    const auto states = static_cast<size_t>(cell_.states);
    std::vector<Value*> inputs;
    for (size_t i = 0; i < operands.size(); ++i) {
      Type type = operands[i]->type();
      if (i >= states && i < states + static_cast<size_t>(slices))
        type.dims.erase(type.dims.begin());
      inputs.push_back(body->add_input(type));
    }
    const auto first_constant = inputs.begin() + static_cast<long>(states) + slices;
    const size_t each = cell_.default_activations.size();
    const auto first = activations_.begin() + static_cast<long>(each) * number;
    const CellStep step{*body,
                        node_,
                        {first, first + static_cast<long>(each)},
                        inputs[states],
                        {inputs.begin(), inputs.begin() + static_cast<long>(states)},
                        {first_constant, factors() ? inputs.end() - 1 : inputs.end()},
                        factors() ? inputs.back() : nullptr};
    std::vector<Value*> after = cell_.step(step);
    Value* y = after[0];
    if (running_) {
      // A sequence that is over keeps its states and gives zeros.
      Value* runs = inputs[states + 1];
      for (size_t i = 0; i < states; ++i)
        after[i] = body->make("Where", {runs, after[i], inputs[i]});
      y = body->make("Where", {runs, after[0], number_like(*body, y, 0)});
    }
    for (Value* state : after) body->add_output(state);
    body->add_output(y);
    return body;
  }

  const Node& node_;
  Graph& g_;
  const Cell& cell_;
  std::vector<CellActivation> activations_;
  Value *x_ = nullptr, *running_ = nullptr;
};

}  // namespace

// ---- what cells are made of

Value* CellStep::with_activation(size_t k, Value* a) const {
  const CellActivation& f = activations[k];
  const auto scaled = [&](Value* v, double by) { return mul(v, number_like(graph, v, by)); };
  if (f.name == "Affine") return add(scaled(a, f.alpha), number_like(graph, a, f.beta));
  if (f.name == "ScaledTanh") return scaled(graph.make("Tanh", {scaled(a, f.beta)}), f.alpha);
  if (f.name == "HardSigmoid")
    return graph.make(f.name, {a}, {{"alpha", f.alpha}, {"beta", f.beta}});
  if (f.name == "LeakyRelu" || f.name == "ThresholdedRelu" || f.name == "Elu")
    return graph.make(f.name, {a}, {{"alpha", f.alpha}});
  return graph.make(f.name, {a});
}

Value* CellStep::activated(size_t k, Value* a) const {
  if (node.attribute("clip") != nullptr) {
    const double limit = node.float_attribute("clip");
    a = graph.make("Clip", {a, number_like(graph, a, -limit), number_like(graph, a, limit)});
  }
  return with_activation(k, a);
}

// Each gate sees h times factors of its own.
Value* CellStep::recurrent_product(Value* h, Value* weights, int first_gate, int count) const {
  if (factors == nullptr) return matmul(h, weights);
  const auto gates = static_cast<int>(factors->dim(1).value() / h->dim(1).value());
  const std::vector<Value*> of_gates = split(weights, count), all = split(factors, gates);
  std::vector<Value*> products;
  for (int i = 0; i < count; ++i)
    products.push_back(matmul(mul(h, all[static_cast<size_t>(first_gate + i)]), of_gates[static_cast<size_t>(i)]));
  return count == 1 ? products[0] : graph.make("Concat", products, {{"axis", int64_t{1}}});
}

Value* CellStep::one_minus(Value* a) const {
  return graph.make("Sub", {number_like(graph, a, 1), a});
}

// Slices and not a Split: what reads a slice can take it over.
std::vector<Value*> CellStep::split(Value* a, int count) const {
  const Dim size = Dim::floor_div(a->dim(1), count);
  std::vector<Value*> result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(graph.make(
        "Slice", {a, axis_constant(graph, i * size.value()),
                  axis_constant(graph, (i + 1) * size.value()), axis_constant(graph, 1)}));
  return result;
}

Value* Direction::operand(size_t i) const {
  if (node.input(i) == nullptr) return nullptr;
  const Tensor index = Tensor::scalar(DType::i64, static_cast<double>(number));
  return graph.make("Gather", {node.input(i), graph.constant(index)}, {{"axis", int64_t{0}}});
}

std::vector<Value*> bias_halves(const Direction& d) {
  Value* both = d.operand(kB);
  const Node* halves =
      d.graph.add("Split", {both}, {{"axis", int64_t{0}}, {"num_outputs", int64_t{2}}}, 2);
  return {halves->output(0), halves->output(1)};
}

Value* recurrence_weights(const Direction& d) { return transposed(d.graph, d.operand(kR), {1, 0}); }

// ---- the layer

OpDef& recurrent_operator(std::string name) {
  return register_op(std::move(name))
      .onnx({1, 7, 14, 22})
      .onnx_upgrade(6, [](OnnxNode& n) { n.take("output_sequence"); })
      .input("X", kFloatTypes)
      .input("W", kFloatTypes)
      .input("R", kFloatTypes)
      .optional_input("B", kFloatTypes)
      .optional_input("sequence_lens", {DType::i32}, "")
      .attribute("activation_alpha", Floats{})
      .attribute("activation_beta", Floats{})
      .attribute("activations", Strings{})
      .optional_attribute("clip", 1.0)
      .attribute("direction", std::string("forward"))
      .optional_attribute("hidden_size", int64_t{1})
      .attribute("layout", int64_t{0});
}

static void check_weights(const OpContext& c, const Cell& cell) {
  const Dim directions = directions_of(c.node()), gates = cell.gates;
  c.require(c.rank(kX) == 3 && c.rank(kW) == 3 && c.rank(kR) == 3, "X is ", c.type(kX), ", W is ",
            c.type(kW), " and R is ", c.type(kR), "; need 3 axes each");
  const Dim hidden = c.dims(kR)[2];
  c.require(hidden.is_const(), "R is ", c.type(kR),
            "; its sizes have to be numbers, bind its symbols with --dim");
  if (c.has_attribute("hidden_size"))
    require_equal(c, c.integer("hidden_size"), "hidden_size", hidden, "the last axis of R");
  for (size_t i : {kW, kR}) {
    require_equal(c, c.dims(i)[0], cat("the first axis of input ", i), directions,
                  "the number of directions");
    require_equal(c, c.dims(i)[1], cat("the second axis of input ", i), gates * hidden,
                  cat(cell.gates, " gates times the hidden size"));
  }
  require_equal(c, c.dims(kW)[2], "the last axis of W", c.dims(kX)[2], "the last axis of X");
  if (!c.has(kB)) return;
  c.require(c.rank(kB) == 2, "B is ", c.type(kB), ", need 2 axes");
  require_equal(c, c.dims(kB)[1], "the last axis of B", gates * hidden * 2,
                "twice the gates times the hidden size");
}

std::vector<Type> recurrent_types(const OpContext& c, const Cell& cell) {
  const std::string& direction = c.text("direction");
  c.require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
            "direction is ", quoted(direction), ", need forward, reverse or bidirectional");
  c.require(c.integer("layout") == 0 || c.integer("layout") == 1, "layout is ", c.integer("layout"),
            ", need 0 or 1");
  check_weights(c, cell);
  activations_of(c, cell);
  const bool batch_first = is_batch_first(c.node());
  const Dim time = c.dims(kX)[batch_first ? 1 : 0], batch = c.dims(kX)[batch_first ? 0 : 1];
  const Dim directions = directions_of(c.node()), hidden = c.dims(kR)[2];
  if (c.has(kLengths))
    c.require(c.rank(kLengths) == 1, "sequence_lens is ", c.type(kLengths), ", need one axis");
  const Dims state =
      batch_first ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden};
  for (size_t i = 0; i < static_cast<size_t>(cell.states); ++i)
    if (c.has(cell.initial_state + i))
      c.require(c.dims(cell.initial_state + i) == state, "initial state ", i, " is ",
                c.type(cell.initial_state + i), ", need ", Type{c.dtype(), state});
  if (cell.factors != 0 && c.has(cell.factors)) {
    const Dims factors{batch, cell.gates * hidden};
    c.require(directions == Dim(1) && c.dims(cell.factors) == factors, "the factors of h are ", c.type(cell.factors), " for ",
              directions, " directions; need one direction and ", Type{c.dtype(), factors});
  }
  std::vector<Type> types{{c.dtype(), batch_first ? Dims{batch, time, directions, hidden}
                                                  : Dims{time, directions, batch, hidden}}};
  for (int i = 0; i < cell.states; ++i) types.push_back({c.dtype(), state});
  return types;
}

std::vector<Value*> recurrent_graph(const Node& node, Graph& g, const Cell& cell) {
  return Layer(node, g, cell).build();
}

}  // namespace cnnc
