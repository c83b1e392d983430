// Layers with random options, and Keras' expressions for them.
#pragma once
#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cnnc/cnnc.h"

namespace random_layers {

using namespace cnnc;

// A layer of ours, and the expression that makes Keras'.
struct Twin {
  Layer layer;
  std::string keras;
  Shape sample;
  bool is_image = false;  // channels are first here and last in Keras
  bool takes_indices = false;
  bool is_masked = false;  // behind a Masking layer
};

class RandomLayers {
 public:
  explicit RandomLayers(unsigned seed) : random_(seed) {}

  Twin next(size_t kind) {
    using Make = Twin (RandomLayers::*)();
    static constexpr Make kKinds[] = {
        &RandomLayers::conv, &RandomLayers::depthwise, &RandomLayers::separable, &RandomLayers::transposed, &RandomLayers::pool,
        &RandomLayers::global_pool, &RandomLayers::upsampling, &RandomLayers::zero_padding, &RandomLayers::batch_norm,
        &RandomLayers::layer_norm, &RandomLayers::lstm, &RandomLayers::gru, &RandomLayers::simple_rnn, &RandomLayers::attention, &RandomLayers::embedding,
        &RandomLayers::dense, &RandomLayers::prelu, &RandomLayers::softmax_of_axis};
    return (this->*kKinds[kind % std::size(kKinds)])();
  }

 private:
  int64_t number(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  bool coin() { return number(0, 1) == 1; }
  static std::string python(bool value) { return value ? "True" : "False"; }
  static std::string tuple(const Shape& values) {
    std::string text = "(";
    for (const int64_t v : values) text += std::to_string(v) + ",";
    return text + ")";
  }
  Shape several(size_t count, int64_t low, int64_t high) {
    Shape values;
    for (size_t i = 0; i < count; ++i) values.push_back(number(low, high));
    return values;
  }
  static Sizes sizes(const Shape& values) {
    Sizes result = 1;
    result.values = values;
    return result;
  }
  Shape image(size_t spatial, int64_t channels) {
    Shape shape = several(spatial, 6, 9);
    shape.insert(shape.begin(), channels);
    return shape;
  }
  Shape image_2d() { return image(2, number(1, 4)); }

  struct Window {
    Shape kernel, strides, dilation;
    Padding padding = Padding::valid;
    std::string text;
  };
  Window window(size_t spatial, bool with_dilation = true) {
    Window w{several(spatial, 1, 4), several(spatial, 1, 3), Shape(spatial, 1), Padding::valid, ""};
    if (with_dilation && coin()) {
      std::fill(w.strides.begin(), w.strides.end(), 1);  // Keras has one or the other
      w.kernel = several(spatial, 1, 3);
      w.dilation = several(spatial, 1, 2);
    }
    const bool same = coin();
    if (same) w.padding = Padding::same;
    w.text = "strides=" + tuple(w.strides) + ",padding='" + (same ? "same" : "valid") + "',dilation_rate=" + tuple(w.dilation);
    return w;
  }
  ConvOptions options(const Window& w, bool use_bias, int64_t groups = 1) {
    return {.strides = sizes(w.strides), .padding = w.padding, .dilation = sizes(w.dilation), .groups = groups, .use_bias = use_bias};
  }

  Twin conv() {
    const auto spatial = static_cast<size_t>(number(1, 3));
    const Window w = window(spatial);
    const int64_t groups = number(1, 3), filters = groups * number(1, 3);
    const bool bias = coin();
    const ConvOptions o = options(w, bias, groups);
    const Layer layer = spatial == 1   ? Layer(Conv1D(filters, sizes(w.kernel), o))
                        : spatial == 2 ? Layer(Conv2D(filters, sizes(w.kernel), o))
                                       : Layer(Conv3D(filters, sizes(w.kernel), o));
    return {layer,
            "Conv" + std::to_string(spatial) + "D(" + std::to_string(filters) + "," + tuple(w.kernel) + "," + w.text +
                ",groups=" + std::to_string(groups) + ",use_bias=" + python(bias) + ")",
            image(spatial, groups * number(1, 2)), true};
  }
  // TensorFlow has one stride for both axes here.
  Window even_window() {
    Window w = window(2, false);
    w.strides[1] = w.strides[0];
    w.text = "strides=" + tuple(w.strides) + ",padding='" + (w.padding.kind == Padding::Kind::same ? "same" : "valid") + "'";
    return w;
  }
  Twin depthwise() {
    const Window w = even_window();
    const int64_t multiplier = number(1, 3);
    const bool bias = coin();
    return {DepthwiseConv2D(sizes(w.kernel), options(w, bias), multiplier),
            "DepthwiseConv2D(" + tuple(w.kernel) + "," + w.text + ",depth_multiplier=" + std::to_string(multiplier) +
                ",use_bias=" + python(bias) + ")",
            image_2d(), true};
  }
  Twin separable() {
    const Window w = even_window();
    const int64_t filters = number(1, 4), multiplier = number(1, 2);
    const bool bias = coin();
    return {SeparableConv2D(filters, sizes(w.kernel), options(w, bias), multiplier),
            "SeparableConv2D(" + std::to_string(filters) + "," + tuple(w.kernel) + "," + w.text +
                ",depth_multiplier=" + std::to_string(multiplier) + ",use_bias=" + python(bias) + ")",
            image_2d(), true};
  }
  Twin transposed() {
    const Window w = window(2, false);
    const int64_t filters = number(1, 4);
    const bool bias = coin(), same = w.padding.kind == Padding::Kind::same;
    ConvTransposeOptions o{.strides = sizes(w.strides), .padding = w.padding, .use_bias = bias};
    std::string added = "None";
    if (coin()) {
      Shape numbers;
      // With an even kernel and Padding::same TensorFlow refuses an output_padding of 0.
      for (size_t i = 0; i < 2; ++i) {
        const int64_t least = same && w.kernel[i] % 2 == 0 ? 1 : 0;
        numbers.push_back(number(least, std::max(least, w.strides[i] - 1)));
      }
      if (numbers[0] < w.strides[0] && numbers[1] < w.strides[1]) {
        o.output_padding = sizes(numbers);
        added = tuple(numbers);
      }
    }
    return {Conv2DTranspose(filters, sizes(w.kernel), o),
            "Conv2DTranspose(" + std::to_string(filters) + "," + tuple(w.kernel) + "," + w.text + ",output_padding=" + added +
                ",use_bias=" + python(bias) + ")",
            image_2d(), true};
  }
  Twin pool() {
    const auto spatial = static_cast<size_t>(number(1, 3));
    const Shape size = several(spatial, 1, 3), strides = several(spatial, 1, 3);
    const bool same = coin(), own_strides = coin(), greatest = coin();
    PoolOptions o;
    if (own_strides) o.strides = sizes(strides);
    if (same) o.padding = Padding::same;
    const Sizes s = sizes(size);
    const Layer layer = spatial == 1   ? greatest ? Layer(MaxPool1D(s, o)) : Layer(AveragePool1D(s, o))
                        : spatial == 2 ? greatest ? Layer(MaxPool2D(s, o)) : Layer(AveragePool2D(s, o))
                                       : greatest ? Layer(MaxPool3D(s, o)) : Layer(AveragePool3D(s, o));
    const std::string name = (greatest ? "MaxPooling" : "AveragePooling") + std::to_string(spatial) + "D(";
    const auto argument = [&](const Shape& values) { return spatial == 1 ? std::to_string(values[0]) : tuple(values); };
    return {layer, name + argument(size) + ",strides=" + (own_strides ? argument(strides) : "None") + ",padding='" + (same ? "same" : "valid") + "')",
            image(spatial, number(1, 3)), true};
  }
  Twin global_pool() {
    switch (number(0, 3)) {
      case 0: return {GlobalAveragePool1D(DataFormat::channels_last), "GlobalAveragePooling1D()", {number(2, 6), 4}};
      case 1: return {GlobalMaxPool1D(), "GlobalMaxPooling1D()", {3, number(2, 6)}, true};
      case 2: return {GlobalAveragePool2D(), "GlobalAveragePooling2D()", image_2d(), true};
      default: return {GlobalMaxPool2D(), "GlobalMaxPooling2D()", image_2d(), true};
    }
  }
  Twin upsampling() {
    const Shape factors = several(2, 1, 3);
    const bool bilinear = coin();
    return {UpSampling2D(sizes(factors), bilinear ? Interpolation::bilinear : Interpolation::nearest),
            "UpSampling2D(" + tuple(factors) + ",interpolation='" + (bilinear ? "bilinear" : "nearest") + "')", image_2d(), true};
  }
  Twin zero_padding() {
    const Shape p = several(4, 0, 3);
    return {ZeroPadding2D(sizes(p)), "ZeroPadding2D((" + tuple({p[0], p[2]}) + "," + tuple({p[1], p[3]}) + "))", image_2d(), true};
  }
  Twin batch_norm() {
    BatchNormOptions o{.epsilon = coin() ? 1e-3 : 1e-2, .center = coin(), .scale = coin()};
    const bool of_image = coin();
    o.axis = of_image ? 1 : number(0, 1) == 0 ? -1 : 1;
    return {BatchNormalization(o),
            "BatchNormalization(axis=" + std::to_string(of_image ? -1 : o.axis) + ",epsilon=" + std::to_string(o.epsilon) +
                ",center=" + python(o.center) + ",scale=" + python(o.scale) + ")",
            of_image ? image_2d() : Shape{number(2, 4), number(2, 5)}, of_image};
  }
  Twin layer_norm() {
    static const std::vector<std::vector<int64_t>> kAxes{{-1}, {1}, {2}, {1, 2}, {1, 3}, {2, 3}, {1, 2, 3}};
    LayerNormOptions o{.axes = kAxes[static_cast<size_t>(number(0, 6))], .epsilon = 1e-2, .center = coin(), .scale = coin()};
    return {LayerNormalization(o),
            "LayerNormalization(axis=" + tuple(o.axes) + ",epsilon=0.01,center=" + python(o.center) + ",scale=" + python(o.scale) + ")",
            {number(2, 4), number(2, 4), number(2, 5)}};
  }
  std::pair<CellActivation, std::string> activation() {
    static const std::vector<std::pair<CellActivation, std::string>> kAll{
        {CellActivation::tanh, "tanh"}, {CellActivation::sigmoid, "sigmoid"}, {CellActivation::relu, "relu"},
        {CellActivation::elu, "elu"}, {CellActivation::softplus, "softplus"}, {CellActivation::softsign, "softsign"},
        {CellActivation::hard_sigmoid, "hard_sigmoid"}, {CellActivation::linear, "linear"}};
    return kAll[static_cast<size_t>(number(0, 7))];
  }
  std::pair<RecurrentOptions, std::string> recurrent_options(bool has_gates = true) {
    RecurrentOptions o{.return_sequences = coin(), .go_backwards = coin()};
    std::string text = ",return_sequences=" + python(o.return_sequences) + ",go_backwards=" + python(o.go_backwards);
    if (coin()) {
      const auto [function, name] = activation();
      const auto [gates, gates_name] = activation();
      o.activation = function, o.recurrent_activation = gates;
      text += ",activation='" + name + "'";
      if (has_gates) text += ",recurrent_activation='" + gates_name + "'";
    }
    o.use_bias = number(0, 3) != 0;
    return {o, text + ",use_bias=" + python(o.use_bias)};
  }
  Twin lstm() {
    auto [o, text] = recurrent_options();
    const int64_t units = number(1, 5);
    return recurrent(LSTM(units, o), o, "LSTM(" + std::to_string(units) + text + ")");
  }
  Twin gru() {
    auto [o, text] = recurrent_options();
    o.reset_after = coin();
    const int64_t units = number(1, 5);
    return recurrent(GRU(units, o), o, "GRU(" + std::to_string(units) + text + ",reset_after=" + python(o.reset_after) + ")");
  }
  Twin simple_rnn() {
    const auto [o, text] = recurrent_options(false);
    const int64_t units = number(1, 5);
    return recurrent(SimpleRNN(units, o), o, "SimpleRNN(" + std::to_string(units) + text + ")");
  }
  // The layer, or two of it in both directions.
  Twin recurrent(const RecurrentLayer& layer, const RecurrentOptions& o, const std::string& text) {
    const Shape sample{number(1, 5), number(1, 4)};
    if (o.go_backwards || coin()) return {layer, text, sample, false, false, coin()};
    const auto [merge, name] = std::vector<std::pair<Merge, std::string>>{
        {Merge::concatenate, "concat"}, {Merge::sum, "sum"}, {Merge::multiply, "mul"}, {Merge::average, "ave"}}[static_cast<size_t>(number(0, 3))];
    return {Bidirectional(layer, merge), "Bidirectional(keras.layers." + text + ",merge_mode='" + name + "')", sample, false, false, coin()};
  }
  Twin attention() {
    // Keras adds the biases of heads of one element to the steps, where there are as many steps as heads.
    const int64_t heads = number(1, 3), units = number(2, 4);
    const AttentionOptions o{.value_units = coin() ? 0 : number(2, 3), .output_units = number(0, 3), .use_bias = coin(), .causal = coin()};
    return {MultiHeadAttention(heads, units, o),
            "MultiHeadAttention(" + std::to_string(heads) + "," + std::to_string(units) +
                ",value_dim=" + (o.value_units > 0 ? std::to_string(o.value_units) : "None") +
                ",output_shape=" + (o.output_units > 0 ? std::to_string(o.output_units) : "None") + ",use_bias=" + python(o.use_bias) +
                ",name='" + (o.causal ? "causal" : "all") + "')",
            {number(1, 5), number(1, 4)}, false, false, coin()};
  }
  Twin embedding() {
    const int64_t rows = number(2, 6), units = number(1, 4);
    return {Embedding(rows, units), "Embedding(" + std::to_string(rows) + "," + std::to_string(units) + ")", {number(1, 5)}, false, true};
  }
  Twin dense() {
    static const std::vector<std::pair<Activation, std::string>> kAll{
        {linear, "linear"}, {relu, "relu"}, {relu6, "relu6"}, {leaky_relu, "leaky_relu"}, {elu, "elu"}, {selu, "selu"},
        {gelu, "gelu"}, {silu, "silu"}, {tanh, "tanh"}, {sigmoid, "sigmoid"}, {softmax, "softmax"},
        {log_softmax, "log_softmax"}, {softplus, "softplus"}, {softsign, "softsign"}, {hard_sigmoid, "hard_sigmoid"},
        {hard_swish, "hard_swish"}, {mish, "mish"}};
    const auto& [function, name] = kAll[static_cast<size_t>(number(0, static_cast<int64_t>(kAll.size()) - 1))];
    const int64_t units = number(1, 4);
    const bool bias = coin();
    return {Dense(units, {.activation = function, .use_bias = bias}),
            "Dense(" + std::to_string(units) + ",activation='" + name + "',use_bias=" + python(bias) + ")",
            several(static_cast<size_t>(number(1, 3)), 1, 4)};
  }
  Twin prelu() {
    static const std::vector<std::vector<int64_t>> kAxes{{}, {1}, {2}, {1, 2}};
    const auto& axes = kAxes[static_cast<size_t>(number(0, 3))];
    return {PReLU(axes), "PReLU(shared_axes=" + (axes.empty() ? "None" : tuple(axes)) + ")", {number(1, 4), number(1, 4)}};
  }
  Twin softmax_of_axis() {
    const int64_t axis = coin() ? -1 : 1;
    return {Softmax(axis), "Softmax(axis=" + std::to_string(axis) + ")", {number(1, 4), number(1, 4)}};
  }

  std::mt19937 random_;
};

}  // namespace random_layers
