// The layers. Defaults are Keras', written here.
//
// A layer is a handle: copies are the same layer, and a layer that is called several times has one set of weights.
// Images are [batch, channels, height, width]. Options are given by name:
//   Conv2D(64, {3, 3}, {.strides = 2, .padding = Padding::same, .activation = relu, .use_bias = false})
#pragma once
#include <optional>

#include "cnnc/initializers.h"
#include "cnnc/tensor.h"

namespace cnnc::dsl {

struct LayerState;

// What the function of a layer of your own gets besides its inputs: weights, made at the first call and the same ones
// ever after.
class LayerScope {
 public:
  explicit LayerScope(LayerState& state) : state_(state) {}
  // The same layer; names of weights begin with `prefix`: LSTM's in Bidirectional with "forward_" and "backward_".
  LayerScope part(const std::string& prefix) const;
  Tensor weight(const std::string& name, Shape shape, const Initializer& initializer = glorot_uniform,
                const Regularizer& regularizer = {}, bool trainable = true);
  // Whether an earlier call has made it.
  bool has(const std::string& name) const;
  // The same with given first values, of float.
  Tensor weight(const std::string& name, const Array& first, const Regularizer& regularizer = {},
                bool trainable = true);

 private:
  LayerState& state_;
  std::string prefix_;
};

class Layer {
 public:
  using Function = std::function<Tensor(LayerScope&, const Tensors&)>;
  using ManyFunction = std::function<Tensors(LayerScope&, const Tensors&)>;
  // A layer of your own:
  //   Layer scale("Scale", [](LayerScope& scope, const Tensors& x) { return x[0] * scope.weight("gamma", {1}, ones); });
  Layer(std::string type, Function function, Location where = Location::current());
  Layer(std::string type, std::function<Tensor(const Tensor&)> function, Location where = Location::current());
  // One that gives several tensors.
  Layer(std::string type, ManyFunction function, Location where = Location::current());

  Tensor operator()(const Tensor& x) const { return call({x}); }
  Tensor operator()(const Tensors& x) const { return call(x); }
  // All that a layer of several results gives: LSTM(8, {.return_state = true}).outputs(x) is {y, h, c}.
  Tensors outputs(const Tensor& x) const { return outputs(Tensors{x}); }
  Tensors outputs(const Tensors& x) const;

  // Without a name a layer is called by its type: conv2d, conv2d_1, ... A model refuses two layers of one name.
  Layer& named(std::string name);
  // Whether training changes its weights. BatchNormalization that is not trainable keeps its statistics too.
  Layer& trainable(bool value);
  bool is_trainable() const;
  // That a layer of your own gives results of which the same steps count as of its input.
  Layer& supports_masking(bool value = true);
  std::string name() const;
  std::string type() const;
  // Weights in the order they were made; empty before the first call.
  Arrays weights() const;
  // Throws when number, shapes or types differ.
  void set_weights(const Arrays& values) const;

  // For the library itself.
  const std::shared_ptr<LayerState>& state() const { return state_; }

 private:
  Tensor call(const Tensors& x) const;
  std::shared_ptr<LayerState> state_;
};

// ---- arguments -------------------------------------------------------------------------------------------------------
// One number for each axis of an image; one number alone stands for all of them.
struct Sizes {
  Sizes(int64_t all) : values{all} {}
  Sizes(std::initializer_list<int64_t> each) : values(each) {}
  std::vector<int64_t> values;
};

// valid: none. same: such that an output has ceil(input / stride) elements, the odd one at the end. Or the numbers:
// first those at the beginnings of all axes, then those at the ends, as {top, left, bottom, right}.
struct Padding {
  enum class Kind { valid, same, numbers };
  Padding(Kind kind) : kind(kind) {}
  Padding(std::initializer_list<int64_t> numbers) : kind(Kind::numbers), numbers(numbers) {}
  static constexpr Kind valid = Kind::valid, same = Kind::same;
  Kind kind;
  std::vector<int64_t> numbers;
};

struct ConvOptions {
  Sizes strides = 1;
  Padding padding = Padding::valid;
  Sizes dilation = 1;
  int64_t groups = 1;
  Activation activation = linear;
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform;
  Initializer bias_initializer = zeros;
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
};

struct ConvTransposeOptions {
  Sizes strides = 1;
  Padding padding = Padding::valid;
  // How much larger an output is than the window's last place needs, less than the stride. Without it an output has
  // input * stride elements, with Padding::valid also those by which the kernel is wider than the stride.
  std::optional<Sizes> output_padding = {};
  Sizes dilation = 1;
  int64_t groups = 1;
  Activation activation = linear;
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform;
  Initializer bias_initializer = zeros;
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
};

struct DenseOptions {
  Activation activation = linear;
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform;
  Initializer bias_initializer = zeros;
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
};

struct PoolOptions {
  Sizes strides = 0;  // 0: the size of the window
  Padding padding = Padding::valid;
  bool ceil_mode = false;          // a last window that reaches over the end
  bool count_include_pad = false;  // AveragePool: padding counts as zeros
};

// ---- the beginning of a Sequential -----------------------------------------------------------------------------------
struct Input : Layer {
  Input(Shape shape, InputOptions options = {}, Location where = Location::current());
};

// ---- dense and convolution -------------------------------------------------------------------------------------------
// x kernel + bias over the last axis; kernel [inputs, units].
struct Dense : Layer {
  Dense(int64_t units, Activation activation = linear, Location where = Location::current());
  Dense(int64_t units, DenseOptions options, Location where = Location::current());
};
// Kernel [filters, channels / groups, height, width].
struct Conv2D : Layer {
  // A template, so that options in braces are never taken for a padding.
  template <std::same_as<Padding::Kind> Kind>
  Conv2D(int64_t filters, Sizes kernel, Kind padding, Activation activation = linear,
         Location where = Location::current())
      : Conv2D(filters, std::move(kernel), ConvOptions{.padding = padding, .activation = std::move(activation)}, where) {}
  Conv2D(int64_t filters, Sizes kernel, ConvOptions options = {}, Location where = Location::current());
  Conv2D(int64_t filters, Sizes kernel, Activation activation, Location where = Location::current())
      : Conv2D(filters, std::move(kernel), ConvOptions{.activation = std::move(activation)}, where) {}
};
// On [batch, channels, steps]; sequences [batch, steps, features], as Embedding and LSTM give them, go through
// Permute({2, 1}) first.
struct Conv1D : Layer {
  template <std::same_as<Padding::Kind> Kind>
  Conv1D(int64_t filters, Sizes kernel, Kind padding, Activation activation = linear,
         Location where = Location::current())
      : Conv1D(filters, std::move(kernel), ConvOptions{.padding = padding, .activation = std::move(activation)}, where) {}
  Conv1D(int64_t filters, Sizes kernel, ConvOptions options = {}, Location where = Location::current());
  Conv1D(int64_t filters, Sizes kernel, Activation activation, Location where = Location::current())
      : Conv1D(filters, std::move(kernel), ConvOptions{.activation = std::move(activation)}, where) {}
};
struct Conv3D : Layer {
  template <std::same_as<Padding::Kind> Kind>
  Conv3D(int64_t filters, Sizes kernel, Kind padding, Activation activation = linear,
         Location where = Location::current())
      : Conv3D(filters, std::move(kernel), ConvOptions{.padding = padding, .activation = std::move(activation)}, where) {}
  Conv3D(int64_t filters, Sizes kernel, ConvOptions options = {}, Location where = Location::current());
  Conv3D(int64_t filters, Sizes kernel, Activation activation, Location where = Location::current())
      : Conv3D(filters, std::move(kernel), ConvOptions{.activation = std::move(activation)}, where) {}
};
// Each channel by itself gives `depth_multiplier` ones; kernel [channels * multiplier, 1, height, width].
struct DepthwiseConv2D : Layer {
  DepthwiseConv2D(Sizes kernel, ConvOptions options = {}, int64_t depth_multiplier = 1,
                  Location where = Location::current());
};
// Depthwise, then 1 x 1 to `filters`; the bias and the activation come last.
struct SeparableConv2D : Layer {
  template <std::same_as<Padding::Kind> Kind>
  SeparableConv2D(int64_t filters, Sizes kernel, Kind padding, Activation activation = linear,
                  Location where = Location::current())
      : SeparableConv2D(filters, std::move(kernel), ConvOptions{.padding = padding, .activation = std::move(activation)}, 1, where) {}
  SeparableConv2D(int64_t filters, Sizes kernel, ConvOptions options = {}, int64_t depth_multiplier = 1,
                  Location where = Location::current());
};
// Kernel [channels, filters / groups, height, width]. With Padding::same an output has input * stride elements.
struct Conv2DTranspose : Layer {
  template <std::same_as<Padding::Kind> Kind>
  Conv2DTranspose(int64_t filters, Sizes kernel, Kind padding, Activation activation = linear,
                  Location where = Location::current())
      : Conv2DTranspose(filters, std::move(kernel), ConvTransposeOptions{.padding = padding, .activation = std::move(activation)}, where) {}
  Conv2DTranspose(int64_t filters, Sizes kernel, ConvTransposeOptions options = {},
                  Location where = Location::current());
};

// ---- pooling ---------------------------------------------------------------------------------------------------------
struct MaxPool2D : Layer {
  MaxPool2D(Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
};
struct AveragePool2D : Layer {
  AveragePool2D(Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
};
struct MaxPool1D : Layer {
  MaxPool1D(Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
};
// Over all axes of the image: [batch, channels].
struct GlobalAveragePool2D : Layer {
  explicit GlobalAveragePool2D(Location where = Location::current());
};
struct GlobalMaxPool2D : Layer {
  explicit GlobalMaxPool2D(Location where = Location::current());
};

struct AveragePool1D : Layer {
  AveragePool1D(Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
};
// Over all steps of [batch, channels, steps], or of [batch, steps, features] with DataFormat::channels_last. The mean
// is over the steps that count: 0 where none does.
struct GlobalAveragePool1D : Layer {
  explicit GlobalAveragePool1D(DataFormat format = DataFormat::channels_first, Location where = Location::current());
};
struct GlobalMaxPool1D : Layer {
  explicit GlobalMaxPool1D(DataFormat format = DataFormat::channels_first, Location where = Location::current());
};
struct MaxPool3D : Layer {
  MaxPool3D(Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
};
struct AveragePool3D : Layer {
  AveragePool3D(Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
};

// ---- normalisation and regularisation --------------------------------------------------------------------------------
// Over the batch and the image, for each channel. While training: statistics of the batch; otherwise running ones.
struct BatchNormOptions {
  int64_t axis = 1;  // which has the channels; -1 is the last one
  double momentum = 0.99, epsilon = 1e-3;
  bool center = true, scale = true;
};
struct BatchNormalization : Layer {
  explicit BatchNormalization(BatchNormOptions options = {}, Location where = Location::current());
};
// Over these axes, of each sample; gamma and beta have their sizes.
struct LayerNormOptions {
  std::vector<int64_t> axes = {-1};
  double epsilon = 1e-3;
  bool center = true, scale = true;
};
struct LayerNormalization : Layer {
  explicit LayerNormalization(LayerNormOptions options = {}, Location where = Location::current());
};
// x / (bias + alpha / size * sum of squares over `size` channels)^beta.
struct LocalResponseNormalization : Layer {
  explicit LocalResponseNormalization(int64_t size = 5, double alpha = 1e-4, double beta = 0.75, double bias = 1,
                                      Location where = Location::current());
};
// While training, sets elements to zero with probability `rate` and scales the others by 1 / (1 - rate).
struct Dropout : Layer {
  explicit Dropout(double rate, Location where = Location::current());
};
// ---- shape -----------------------------------------------------------------------------------------------------------
struct Flatten : Layer {
  explicit Flatten(Location where = Location::current());
};
struct Reshape : Layer {
  explicit Reshape(Shape shape, Location where = Location::current());  // without the batch; one size may be -1
};
// Axes of a sample in this order, counted from 1: Permute({2, 1}) exchanges the first two.
struct Permute : Layer {
  explicit Permute(std::vector<int64_t> order, Location where = Location::current());
};
// {all}, {vertical, horizontal}, or {top, left, bottom, right}.
struct ZeroPadding2D : Layer {
  explicit ZeroPadding2D(Sizes padding = 1, Location where = Location::current());
};
enum class Interpolation { nearest, bilinear };
struct UpSampling2D : Layer {
  explicit UpSampling2D(Sizes factors = 2, Interpolation interpolation = Interpolation::nearest,
                        Location where = Location::current());
};

// ---- joining ---------------------------------------------------------------------------------------------------------
struct Add : Layer {
  explicit Add(Location where = Location::current());
};
struct Multiply : Layer {
  explicit Multiply(Location where = Location::current());
};
struct Concatenate : Layer {
  explicit Concatenate(int64_t axis = 1, Location where = Location::current());  // 1: channels
};

// ---- sequences and attention: [batch, steps, features] ---------------------------------------------------------------
// Indices (InputType::i32 or i64) to rows of a table [vocabulary, units], uniform in +-0.05 at first.
struct EmbeddingOptions {
  bool mask_zero = false;  // index 0 stands for steps that do not count
  Initializer initializer = random_uniform(0.05);
  Regularizer regularizer = {};
};
struct Embedding : Layer {
  Embedding(int64_t vocabulary, int64_t units, EmbeddingOptions options = {}, Location where = Location::current());
};
// Steps whose features all are `value` do not count, and become zeros.
struct Masking : Layer {
  explicit Masking(double value = 0, Location where = Location::current());
};
// Recurrent layers begin with zeros as their state, or with what they are given: decoder({x, h, c}) goes on where
// encoder.outputs(x), with return_state, has ended. States are [batch, units]. At steps that a mask leaves out the state
// stays, and return_sequences gives the output of the step before, zeros before the first one that counts. The mask stays
// in the input's order, also of outputs that go_backwards, as in Keras.
//
// What a recurrent layer's functions may be.
enum class CellActivation { tanh, sigmoid, relu, elu, softplus, softsign, hard_sigmoid, linear };
struct RecurrentOptions {
  bool return_sequences = false;  // the states of all steps instead of the last one
  bool return_state = false;      // outputs() gives the states after the last step as well: {y, h}, of LSTM {y, h, c}
  bool go_backwards = false;      // from the last step to the first, in which order the states are given too
  CellActivation activation = CellActivation::tanh;
  CellActivation recurrent_activation = CellActivation::sigmoid;  // of the gates
  bool use_bias = true;
  bool unit_forget_bias = true;  // LSTM: adds 1 to the forget gate's first bias
  bool reset_after = true;       // GRU: the reset gate is behind the recurrent product, not before it
  double dropout = 0;            // of the features, the same ones in all steps of a sample
  double recurrent_dropout = 0;  // of the state before its products, for each gate; the same ones in all steps of a sample
  Initializer kernel_initializer = glorot_uniform;
  Initializer recurrent_initializer = orthogonal_of();
  Initializer bias_initializer = zeros;
  Regularizer kernel_regularizer = {};
  Regularizer recurrent_regularizer = {};
  Regularizer bias_regularizer = {};
};
struct RecurrentForm;
class RecurrentLayer : public Layer {
 public:
  // For the library itself.
  RecurrentLayer(std::string type, RecurrentForm form, Location where);
  const RecurrentForm& form() const { return *form_; }

 private:
  std::shared_ptr<const RecurrentForm> form_;
};
// Kernels [features, 4 units] and [units, 4 units], bias [4 units]; gates i, f, g, o.
struct LSTM : RecurrentLayer {
  explicit LSTM(int64_t units, RecurrentOptions options = {}, Location where = Location::current());
};
// Kernels [features, 3 units] and [units, 3 units], bias [3 units], and with reset_after another one of the recurrent
// product; gates z, r, h.
struct GRU : RecurrentLayer {
  explicit GRU(int64_t units, RecurrentOptions options = {}, Location where = Location::current());
};
// activation(x kernel + h recurrent_kernel + bias), without gates: [features, units], [units, units], [units].
struct SimpleRNN : RecurrentLayer {
  explicit SimpleRNN(int64_t units, RecurrentOptions options = {}, Location where = Location::current());
};
enum class Merge { concatenate, sum, multiply, average };
// Two layers made like `layer`, one from the first step to the last and one back, whose results are joined: of
// return_sequences those of the same step, zeros at steps that a mask leaves out. Weights are forward_kernel, ...,
// backward_bias; states are first those of the one and then those of the other, as return_state gives them.
//   Bidirectional(LSTM(64, {.return_sequences = true}))
struct Bidirectional : Layer {
  explicit Bidirectional(const RecurrentLayer& layer, Merge merge = Merge::concatenate, Location where = Location::current());
};
struct AttentionOptions {
  int64_t value_units = 0;   // of each head; 0: as many as of the keys
  int64_t output_units = 0;  // 0: as many as the query has features
  double dropout = 0;        // of the attention's weights
  bool use_bias = true;
  bool causal = false;  // no step attends to a later one
  Initializer kernel_initializer = glorot_uniform;
  Initializer bias_initializer = zeros;
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
};
// Called with {query, value} or {query, value, key}; one tensor alone attends to itself. No step attends to values (or
// keys) that their mask leaves out; the result has the query's mask.
struct MultiHeadAttention : Layer {
  MultiHeadAttention(int64_t heads, int64_t key_units, AttentionOptions options = {},
                     Location where = Location::current());
};

// ---- activations as layers ---------------------------------------------------------------------------------------------
struct ActivationLayer : Layer {
  explicit ActivationLayer(Activation activation, Location where = Location::current());
};
struct LeakyReLU : Layer {
  explicit LeakyReLU(double slope = 0.3, Location where = Location::current());
};
// A slope for each element of a sample, learned, zeros at first; along shared axes all elements have one: {2, 3} gives a
// slope to each channel of an image.
struct PReLU : Layer {
  explicit PReLU(std::vector<int64_t> shared_axes = {}, Location where = Location::current());
};
struct Softmax : Layer {
  explicit Softmax(int64_t axis = -1, Location where = Location::current());
};
// ---- the functional form of the layers used most ---------------------------------------------------------------------
Tensor dense(const Tensor& x, int64_t units, DenseOptions options = {}, Location where = Location::current());
Tensor conv2d(const Tensor& x, int64_t filters, Sizes kernel, ConvOptions options = {},
              Location where = Location::current());
template <std::same_as<Padding::Kind> Kind>
Tensor conv2d(const Tensor& x, int64_t filters, Sizes kernel, Kind padding, Activation activation = linear,
              Location where = Location::current()) {
  return Conv2D(filters, std::move(kernel), padding, std::move(activation), where)(x);
}
Tensor max_pool2d(const Tensor& x, Sizes window = 2, PoolOptions options = {}, Location where = Location::current());
Tensor average_pool2d(const Tensor& x, Sizes window = 2, PoolOptions options = {},
                      Location where = Location::current());
Tensor global_average_pool2d(const Tensor& x, Location where = Location::current());
Tensor batch_normalization(const Tensor& x, BatchNormOptions options = {}, Location where = Location::current());
Tensor dropout(const Tensor& x, double rate, Location where = Location::current());
Tensor flatten(const Tensor& x, Location where = Location::current());

}  // namespace cnnc::dsl
