// Models saved as ONNX: every layer, checked with onnx.checker and ONNX Runtime, and loaded again.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "cnnc/cnnc.h"
#include "tests/dsl/folder_test.h"

using namespace cnnc;

namespace {

namespace fs = std::filesystem;

struct Case {
  std::string name;
  Tensors inputs, outputs;
};

Case of_image(const std::string& name, const Layer& layer) {
  const Tensor x = input({4, 9, 8});
  return {name, {x}, {layer(x)}};
}

Case of_vector(const std::string& name, const std::function<Tensor(const Tensor&)>& function) {
  const Tensor x = input({6});
  return {name, {x}, {function(x)}};
}

Case of_words(const std::string& name, const std::vector<Layer>& layers) {
  const Tensor words = input({5}, {.type = InputType::i32, .name = "words"});
  Tensor x = Embedding(11, 8)(words);
  for (const Layer& layer : layers) x = layer(x);
  return {name, {words}, {x}};
}

std::vector<Case> image_cases() {
  return {of_image("conv_same_even", Conv2D(6, 4, {.strides = 2, .padding = Padding::same, .activation = relu})),
          of_image("conv_groups", Conv2D(6, 3, {.padding = {0, 1, 2, 1}, .dilation = 2, .groups = 2})),
          of_image("conv_no_bias", Conv2D(6, {1, 3}, {.use_bias = false})),
          of_image("depthwise", DepthwiseConv2D(3, {.padding = Padding::same}, 2)),
          of_image("separable", SeparableConv2D(5, 3)),
          of_image("transposed_same", Conv2DTranspose(5, 3, {.strides = 2, .padding = Padding::same})),
          of_image("transposed_wide_stride", Conv2DTranspose(5, 2, {.strides = 3, .padding = Padding::same})),
          of_image("max_pool_ceil", MaxPool2D(3, {.strides = 2, .ceil_mode = true})),
          of_image("average_pool_same", AveragePool2D(3, {.strides = 2, .padding = Padding::same})),
          of_image("average_pool_counted",
                   AveragePool2D(3, {.strides = 2, .padding = {1, 1, 1, 1}, .count_include_pad = true})),
          of_image("global_average", GlobalAveragePool2D()),
          of_image("global_max", GlobalMaxPool2D()),
          of_image("batch_norm", BatchNormalization()),
          of_image("layer_norm", LayerNormalization()),
          of_image("lrn", LocalResponseNormalization(3)),
          of_image("dropout", Dropout(0.5)),
          of_image("spatial_dropout", SpatialDropout2D(0.5)),
          of_image("permute", Permute({3, 1, 2})),
          of_image("zero_padding", ZeroPadding2D({1, 2, 3, 0})),
          of_image("upsampling", UpSampling2D({2, 3})),
          of_image("upsampling_bilinear", UpSampling2D(2, Interpolation::bilinear)),
          of_image("random_flip", RandomFlip()),
          of_image("prelu", PReLU()),
          of_image("prelu_of_channels", PReLU({2, 3})),
          of_image("transposed_output_padding", Conv2DTranspose(5, 3, {.strides = 2, .padding = Padding::same, .output_padding = 1})),
          of_image("transposed_narrow_kernel", Conv2DTranspose(6, 2, {.strides = {3, 1}, .groups = 2})),
          of_image("batch_norm_last", BatchNormalization({.axis = -1})),
          of_image("layer_norm_channels", LayerNormalization({.axes = {1}})),
          of_image("layer_norm_image", LayerNormalization({.axes = {2, 3}, .center = false})),
          of_image("rescaling", Rescaling(2, -1)),
          of_image("normalization", Normalization({1, 2, 3, 4}, {1, 4, 9, 16}))};
}

std::vector<Case> other_cases() {
  std::vector<Case> cases{
      of_vector("dense_relu6", [](const Tensor& x) { return dense(x, 4, {.activation = relu6}); }),
      of_vector("elu", elu), of_vector("selu", selu), of_vector("gelu", gelu), of_vector("silu", silu),
      of_vector("tanh", [](const Tensor& x) { return tanh(x); }), of_vector("sigmoid", sigmoid),
      of_vector("softmax", softmax), of_vector("log_softmax", log_softmax), of_vector("softplus", softplus),
      of_vector("softsign", softsign), of_vector("hard_sigmoid", hard_sigmoid), of_vector("hard_swish", hard_swish),
      of_vector("mish", mish), of_vector("leaky_relu", leaky_relu),
      of_vector("arithmetic", [](const Tensor& x) { return (2.0 - x) * x / 3 + exp(-x) - sqrt(abs(x) + 1); }),
      of_vector("reductions", [](const Tensor& x) { return x - mean(x, {-1}, true) + max(x, {1}, true); }),
      of_words("gru_before", {GRU(6, {.activation = CellActivation::elu, .recurrent_activation = CellActivation::hard_sigmoid, .reset_after = false})}),
      of_words("lstm_relu", {LSTM(4, {.return_sequences = true, .activation = CellActivation::relu, .use_bias = false})}),
      of_words("causal", {MultiHeadAttention(2, 3, {.value_units = 5, .output_units = 7, .use_bias = false, .causal = true})}),
      of_words("lstm", {LSTM(7)}), of_words("gru_dropouts", {GRU(6, {.dropout = 0.2, .recurrent_dropout = 0.3})}), of_words("gru", {GRU(6, {.return_sequences = true, .go_backwards = true})}),
      of_words("simple_rnn", {SimpleRNN(5, {.activation = CellActivation::relu, .recurrent_dropout = 0.2})}),
      of_words("both_directions", {Bidirectional(LSTM(3, {.return_sequences = true})), Bidirectional(GRU(2), Merge::sum)}),
      of_words("attention", {MultiHeadAttention(2, 3), LayerNormalization(), Flatten(), Dense(3, softmax)})};
  const Tensor source = input({4, 5}, {.name = "source"}), target = input({3, 2}, {.name = "target"});
  for (const bool is_lstm : {false, true}) {
    const RecurrentOptions to_state{.return_state = true}, to_all{.return_sequences = true, .return_state = true};
    Tensors states = is_lstm ? LSTM(3, to_state).outputs(source) : GRU(3, to_state).outputs(source);
    states[0] = target;
    cases.push_back({is_lstm ? "lstm_states" : "gru_states", {source, target}, is_lstm ? LSTM(3, to_all).outputs(states) : GRU(3, to_all).outputs(states)});
  }
  const Tensor words = input({5}, {.type = InputType::i32, .name = "words"});
  const Tensor rows = Embedding(11, 8, {.mask_zero = true})(words);
  cases.push_back({"masks", {words}, {LSTM(3, {.return_sequences = true, .return_state = true}).outputs(rows)[2],
                                      LSTM(3, {.return_sequences = true, .go_backwards = true})(rows), GRU(3)(rows),
                                      GlobalAveragePool1D(DataFormat::channels_last)(MultiHeadAttention(2, 3, {.causal = true})(rows)),
                                      GRU(2)(Concatenate(1)({Masking()(without_mask(rows)), without_mask(rows)}))}});
  const Tensor volume = input({2, 5, 6, 7}), steps = input({3, 9});
  cases.push_back({"conv3d", {volume}, {Conv3D(3, {2, 3, 3}, {.strides = 2, .padding = Padding::same})(volume)}});
  cases.push_back({"conv1d", {steps}, {MaxPool1D()(Conv1D(4, 3)(steps))}});
  cases.push_back({"pools", {volume, steps}, {MaxPool3D()(volume), AveragePool3D({1, 2, 3}, {.padding = Padding::same})(volume),
                                              AveragePool1D(3)(steps), GlobalAveragePool1D()(steps), GlobalMaxPool1D()(steps)}});
  const Tensor a = input({4}, {.name = "a"}), b = input({4}, {.name = "b"});
  const Dense shared(3);
  cases.push_back({"two_inputs", {a, b}, {Add()({shared(a), shared(b)}), Concatenate()({a, b}), a}});
  const Tensor nhwc = input({8, 9, 3}, {.data_format = DataFormat::channels_last});
  cases.push_back({"channels_last", {nhwc}, {Flatten()(Conv2D(4, 3)(nhwc))}});
  return cases;
}

Array numbers(const Tensor& definition, int64_t rows) {
  // Inputs of the cases say their data's shape themselves, but for the one with channels last.
  Shape shape = definition.shape();
  shape[0] = rows;
  Array array = Array::zeros<float>(shape);
  float* data = array.mutable_data<float>();
  for (int64_t i = 0; i < array.size(); ++i) data[i] = std::sin(0.7f * static_cast<float>(i)) * 2;
  return array;
}

Array indices(int64_t rows) {
  Array array = Array::zeros<int32_t>({rows, 5});
  for (int64_t i = 0; i < array.size(); ++i) array.mutable_data<int32_t>()[i] = static_cast<int32_t>(i * 7 % 11);
  return array;
}

Arrays data_for(const Case& c) {
  Arrays data;
  for (const Tensor& x : c.inputs) {
    Array array = x.type().rfind("i32", 0) == 0 ? indices(3) : numbers(x, 3);
    if (c.name == "channels_last") array = array.reshaped({3, 8, 9, 3});
    data.push_back(array);
  }
  return data;
}

void expect_near(const Array& a, const Array& b, const std::string& what) {
  ASSERT_EQ(a.type(), b.type()) << what;
  for (int64_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a.at(i), b.at(i), 1e-5 * (1 + std::abs(b.at(i)))) << what;
}

void save_case(const Case& c, const fs::path& folder) {
  fs::create_directories(folder);
  const Model model(c.inputs, c.outputs);
  model.save(folder / "model.onnx");
  const Arrays data = data_for(c);
  const Arrays results = model.predict(data);
  for (size_t i = 0; i < data.size(); ++i) data[i].save(folder / ("input_" + std::to_string(i) + ".npy"));
  for (size_t i = 0; i < results.size(); ++i) results[i].save(folder / ("output_" + std::to_string(i) + ".npy"));
  const Arrays again = Model::load(folder / "model.onnx").predict(data);
  ASSERT_EQ(again.size(), results.size());
  for (size_t i = 0; i < results.size(); ++i) expect_near(again[i], results[i], c.name);
}

class Export : public FolderTest {};

TEST_F(Export, OnnxRuntimeComputesTheSame) {
  for (const Case& c : image_cases()) save_case(c, folder_ / c.name);
  for (const Case& c : other_cases()) save_case(c, folder_ / c.name);
  const std::string command =
      std::string(CNNC_PYTHON " " CNNC_SOURCE_DIR "/tests/dsl/check_exports.py ") + folder_.string();
  const int status = WEXITSTATUS(std::system(command.c_str()));
  if (status == 77) GTEST_SKIP() << "onnx or onnxruntime is not installed";
  EXPECT_EQ(status, 0);
}

TEST_F(Export, UnwritablePathIsAFault) {
  const Tensor x = input({3});
  const Model model(x, dense(x, 2));
  EXPECT_THROW(model.save("/nowhere/model.onnx"), std::exception);
}

}  // namespace
