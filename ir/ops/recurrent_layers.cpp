// RNN, GRU and LSTM: their cells. ir/ops/recurrent.h has what is around them.
#include "ir/ops/recurrent.h"

namespace cnnc {
namespace {
using enum DType;

const std::string kReverse = "reverse", kBoth = "bidirectional";

Value* sum_of_biases(const Direction& d) {
  if (d.node.input(3) == nullptr) return nullptr;
  const std::vector<Value*> halves = bias_halves(d);
  return d.graph.make("Add", {halves[0], halves[1]});
}

void declare(OpDef& op, const Cell& cell) {
  op.infer([cell](const OpContext& c) {
      return recurrent_types(c, cell);
    }).decompose([cell](const Node& n, Graph& g) { return recurrent_graph(n, g, cell); });
}

// ---- RNN

const Cell kRnn{
    .gates = 1,
    .states = 1,
    .default_activations = {"Tanh"},
    .factors = 6,
    .input_bias = sum_of_biases,
    .constants = [](const Direction& d) -> std::vector<Value*> { return {recurrence_weights(d)}; },
    .step = [](const CellStep& s) -> std::vector<Value*> {
      return {s.activated(0, s.add(s.x, s.recurrent_product(s.states[0], s.constants[0], 0, 1)))};
    }};

[[maybe_unused]] const bool declared_rnn = [] {
  declare(recurrent_operator("RNN")
              .doc("h = f(x W^T + h R^T + b) along a sequence, in one or both directions. Not of ONNX: factors of h before its "
                   "product with R.")
              .optional_input("initial_h", kFloatTypes)
              .optional_input("factors", kFloatTypes)
              .output("Y")
              .optional_output("Y_h")
              .example({random(f32, {4, 2, 3}), random(f32, {1, 5, 3}), random(f32, {1, 5, 5})})
              .example({random(f64, {3, 2, 2}), random(f64, {2, 4, 2}), random(f64, {2, 4, 4}),
                        random(f64, {2, 8}), given(Tensor::of<int32_t>(i32, {2}, {3, 1})),
                        random(f64, {2, 2, 4})},
                       {{"direction", kBoth},
                        {"activations", Strings{"Affine", "Softsign"}},
                        {"activation_alpha", Floats{0.5}},
                        {"activation_beta", Floats{0.1}}})
              .example({random(f64, {3, 2, 2}), random(f64, {1, 3, 2}), random(f64, {1, 3, 3}), absent(),
                        absent(), absent(), random(f64, {2, 3})}),
          kRnn);
  return true;
}();

// ---- GRU: gates z, r, h

bool resets_behind(const Node& node) { return node.int_attribute("linear_before_reset") != 0; }

// The recurrent bias of h stays apart where the reset gate multiplies it.
Value* gru_input_bias(const Direction& d) {
  if (d.node.input(3) == nullptr || !resets_behind(d.node)) return sum_of_biases(d);
  const std::vector<Value*> halves = bias_halves(d);
  const Node* gates = d.graph.add("Split", {halves[1]}, {{"axis", 0}, {"num_outputs", 3}}, 3);
  Value* zero = d.graph.make("Sub", {gates->output(2), gates->output(2)});
  Value* others = d.graph.make("Concat", {gates->output(0), gates->output(1), zero}, {{"axis", 0}});
  return d.graph.make("Add", {halves[0], others});
}

std::vector<Value*> gru_constants(const Direction& d) {
  Value* weights = recurrence_weights(d);
  if (resets_behind(d.node)) {
    if (d.node.input(3) == nullptr) return {weights};
    const Node* gates =
        d.graph.add("Split", {bias_halves(d)[1]}, {{"axis", 0}, {"num_outputs", 3}}, 3);
    return {weights, gates->output(2)};
  }
  const Node* gates = d.graph.add("Split", {weights}, {{"axis", 1}, {"num_outputs", 3}}, 3);
  return {d.graph.make("Concat", {gates->output(0), gates->output(1)}, {{"axis", 1}}),
          gates->output(2)};
}

std::vector<Value*> gru_step(const CellStep& s) {
  Value* h = s.states[0];
  const std::vector<Value*> x = s.split(s.x, 3);
  const bool behind = resets_behind(s.node);
  const std::vector<Value*> products = s.split(s.recurrent_product(h, s.constants[0], 0, behind ? 3 : 2), behind ? 3 : 2);
  Value* z = s.activated(0, s.add(x[0], products[0]));
  Value* r = s.activated(0, s.add(x[1], products[1]));
  Value* recurrent = nullptr;
  if (behind) {
    Value* product = products[2];
    if (s.constants.size() > 1) product = s.add(product, s.constants[1]);
    recurrent = s.mul(r, product);
  } else {
    recurrent = s.recurrent_product(s.mul(r, h), s.constants[1], 2, 1);
  }
  Value* candidate = s.activated(1, s.add(x[2], recurrent));
  return {s.add(s.mul(s.one_minus(z), candidate), s.mul(z, h))};
}

const Cell kGru{.gates = 3,
                .states = 1,
                .default_activations = {"Sigmoid", "Tanh"},
                .factors = 6,
                .input_bias = gru_input_bias,
                .constants = gru_constants,
                .step = gru_step};

[[maybe_unused]] const bool declared_gru = [] {
  declare(recurrent_operator("GRU")
              .doc("Gated recurrent unit along a sequence, in one or both directions; with "
                   "linear_before_reset the reset gate multiplies the product with R instead of h. Not "
                   "of ONNX: factors of h before its product with R, for each gate.")
              .optional_input("initial_h", kFloatTypes)
              .optional_input("factors", kFloatTypes)
              .output("Y")
              .optional_output("Y_h")
              .attribute("linear_before_reset", int64_t{0})
              .example({random(f32, {4, 2, 3}), random(f32, {1, 15, 3}), random(f32, {1, 15, 5})})
              .example({random(f64, {2, 3, 2}), random(f64, {1, 12, 2}), random(f64, {1, 12, 4}),
                        random(f64, {1, 24}), absent(), random(f64, {2, 1, 4})},
                       {{"linear_before_reset", 1}, {"layout", 1}, {"direction", kReverse}})
              .example({random(f64, {3, 2, 2}), random(f64, {2, 9, 2}), random(f64, {2, 9, 3}),
                        random(f64, {2, 18}), given(Tensor::of<int32_t>(i32, {2}, {1, 3}))},
                       {{"direction", kBoth}, {"clip", 0.4}})
              .example({random(f64, {3, 2, 2}), random(f64, {1, 9, 2}), random(f64, {1, 9, 3}), absent(),
                        absent(), absent(), random(f64, {2, 9})}),
          kGru);
  return true;
}();

// ---- LSTM: gates i, o, f, c; peepholes i, o, f

std::vector<Value*> lstm_constants(const Direction& d) {
  std::vector<Value*> constants{recurrence_weights(d)};
  if (Value* peepholes = d.operand(7)) {
    const Node* each = d.graph.add("Split", {peepholes}, {{"axis", 0}, {"num_outputs", 3}}, 3);
    for (size_t i = 0; i < 3; ++i) constants.push_back(each->output(i));
  }
  return constants;
}

std::vector<Value*> lstm_step(const CellStep& s) {
  Value *h = s.states[0], *c = s.states[1];
  const std::vector<Value*> gates = s.split(s.add(s.x, s.recurrent_product(h, s.constants[0], 0, 4)), 4);
  const auto peeped = [&](Value* gate, size_t which, Value* at) {
    return s.constants.size() > 1 ? s.add(gate, s.mul(s.constants[1 + which], at)) : gate;
  };
  Value* input = s.activated(0, peeped(gates[0], 0, c));
  Value* forget = s.node.int_attribute("input_forget") != 0
                      ? s.one_minus(input)
                      : s.activated(0, peeped(gates[2], 2, c));
  Value* candidate = s.activated(1, gates[3]);
  Value* cell = s.add(s.mul(forget, c), s.mul(input, candidate));
  Value* output = s.activated(0, peeped(gates[1], 1, cell));
  return {s.mul(output, s.with_activation(2, cell)), cell};
}

const Cell kLstm{.gates = 4,
                 .states = 2,
                 .default_activations = {"Sigmoid", "Tanh", "Tanh"},
                 .factors = 8,
                 .input_bias = sum_of_biases,
                 .constants = lstm_constants,
                 .step = lstm_step};

[[maybe_unused]] const bool declared_lstm = [] {
  declare(recurrent_operator("LSTM")
              .doc("Long short-term memory along a sequence, in one or both directions, with "
                   "optional peepholes P; input_forget couples the forget gate to the input gate. Not of "
                   "ONNX: factors of h before its product with R, for each gate.")
              .optional_input("initial_h", kFloatTypes)
              .optional_input("initial_c", kFloatTypes)
              .optional_input("P", kFloatTypes)
              .optional_input("factors", kFloatTypes)
              .output("Y")
              .optional_output("Y_h")
              .optional_output("Y_c")
              .attribute("input_forget", int64_t{0})
              .example({random(f32, {4, 2, 3}), random(f32, {1, 20, 3}), random(f32, {1, 20, 5})})
              .example({random(f64, {2, 3, 2}), random(f64, {2, 16, 2}), random(f64, {2, 16, 4}),
                        random(f64, {2, 32}), given(Tensor::of<int32_t>(i32, {2}, {3, 1})),
                        random(f64, {2, 2, 4}), random(f64, {2, 2, 4}), random(f64, {2, 12})},
                       {{"layout", 1}, {"direction", kBoth}})
              .example({random(f64, {3, 2, 2}), random(f64, {1, 12, 2}), random(f64, {1, 12, 3}),
                        random(f64, {1, 24})},
                       {{"input_forget", 1}, {"direction", kReverse}, {"clip", 0.5}})
              .example({random(f64, {3, 2, 2}), random(f64, {1, 12, 2}), random(f64, {1, 12, 3}), absent(),
                        absent(), absent(), absent(), absent(), random(f64, {2, 12})}),
          kLstm);
  return true;
}();

}  // namespace
}  // namespace cnnc
