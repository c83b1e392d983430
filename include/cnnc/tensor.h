// Symbolic values: what layers take and give while a model is defined.
#pragma once
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <variant>
#include <vector>

#include "cnnc/array.h"

namespace cnnc::dsl {

using Location = std::source_location;
struct Definition;

// The result of a layer or an operation. The first axis counts samples; its size is known only when the model runs.
class Tensor {
 public:
  // Sizes of all axes, the first one included; -1 where a size is not known yet.
  Shape shape() const;
  int rank() const { return static_cast<int>(shape().size()); }
  // "f32[batch,3,32,32]".
  std::string type() const;
  // Which steps of a sequence count, bool[batch,steps]; nothing: all of them. Embedding(mask_zero), Masking and
  // with_mask() begin a mask. Operators element by element hand on those of their operands, and layers do as Keras': LSTM
  // and GRU keep their state at other steps, attention does not look at them, means, losses and metrics leave them out,
  // Add needs a mask of all it adds. In a layer that cannot heed a mask it ends with a warning.
  std::optional<Tensor> mask() const;

  // For the library itself.
  explicit Tensor(std::shared_ptr<const Definition> definition, std::shared_ptr<const Definition> mask = nullptr)
      : definition_(std::move(definition)), mask_(std::move(mask)) {}
  const std::shared_ptr<const Definition>& definition() const { return definition_; }

 private:
  std::shared_ptr<const Definition> definition_, mask_;
};

using Tensors = std::vector<Tensor>;

// A tensor as operand, with the line in which it is one: what messages name.
struct Operand {
  Operand(const Tensor& tensor, Location where = Location::current()) : tensor(tensor), where(where) {}
  const Tensor& tensor;
  Location where;
};

// What the axes of images are in the data; inside a model channels always come first.
enum class DataFormat { channels_first, channels_last };
// Types of a model's input: numbers, or indices for Embedding.
enum class InputType { f32, i32, i64 };

struct InputOptions {
  DataFormat data_format = DataFormat::channels_first;
  InputType type = InputType::f32;
  std::string name = {};  // "": input, input_1, ...
};

// An input of a model. `shape` is one sample's, without the batch; -1 for a size that is known only when the model runs.
// With DataFormat::channels_last the shape is the data's, {height, width, channels}, and the Tensor has channels first.
Tensor input(Shape shape, InputOptions options = {}, Location where = Location::current());

// The tensor with a mask: [batch, steps] of any numbers, of which 0 stands for steps that do not count.
Tensor with_mask(const Tensor& x, const Tensor& mask, Location where = Location::current());
Tensor without_mask(const Tensor& x);

// ---- element by element, with NumPy's broadcasting -------------------------------------------------------------------
Tensor operator+(Operand a, const Tensor& b);
Tensor operator-(Operand a, const Tensor& b);
Tensor operator*(Operand a, const Tensor& b);
Tensor operator/(Operand a, const Tensor& b);
Tensor operator+(Operand a, double b);
Tensor operator-(Operand a, double b);
Tensor operator*(Operand a, double b);
Tensor operator/(Operand a, double b);
Tensor operator+(double a, Operand b);
Tensor operator-(double a, Operand b);
Tensor operator*(double a, Operand b);
Tensor operator/(double a, Operand b);
Tensor operator-(Operand x);
Tensor exp(const Tensor& x, Location where = Location::current());
Tensor log(const Tensor& x, Location where = Location::current());
Tensor sqrt(const Tensor& x, Location where = Location::current());
Tensor square(const Tensor& x, Location where = Location::current());
Tensor abs(const Tensor& x, Location where = Location::current());
Tensor maximum(const Tensor& a, const Tensor& b, Location where = Location::current());
Tensor minimum(const Tensor& a, const Tensor& b, Location where = Location::current());

// ---- along axes; negative ones count from the last -------------------------------------------------------------------
Tensor mean(const Tensor& x, std::vector<int64_t> axes, bool keep = false, Location where = Location::current());
Tensor sum(const Tensor& x, std::vector<int64_t> axes, bool keep = false, Location where = Location::current());
Tensor max(const Tensor& x, std::vector<int64_t> axes, bool keep = false, Location where = Location::current());

// ---- products and movement -------------------------------------------------------------------------------------------
Tensor matmul(const Tensor& a, const Tensor& b, Location where = Location::current());
// `shape` without the batch; one size may be -1.
Tensor reshape(const Tensor& x, Shape shape, Location where = Location::current());
// Axis i of the result is axis order[i] of x, the batch included.
Tensor transpose(const Tensor& x, std::vector<int64_t> order, Location where = Location::current());
Tensor concatenate(const Tensors& parts, int64_t axis = 1, Location where = Location::current());
// Elements [begin, end) along an axis.
Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end, Location where = Location::current());

// Any operator of docs/ops.md, by its name and with its attributes; throws when the operands do not fit.
using OperatorAttribute = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>>;
Tensor operation(const std::string& name, const Tensors& operands,
                 const std::map<std::string, OperatorAttribute>& attributes = {},
                 Location where = Location::current());
// Numbers that the model holds and training leaves alone.
Tensor constant(const Array& values, Location where = Location::current());

// ---- activations: functions of a Tensor, and arguments of layers -----------------------------------------------------
Tensor linear(Operand x);  // x itself
Tensor relu(Operand x);
Tensor relu6(Operand x);
Tensor leaky_relu(Operand x);  // slope 0.2 for negative elements
Tensor elu(Operand x);
Tensor selu(Operand x);
Tensor gelu(Operand x);  // with erf
Tensor silu(Operand x);
Tensor tanh(Operand x);
Tensor sigmoid(Operand x);
Tensor softmax(Operand x);      // over the last axis
Tensor log_softmax(Operand x);  // over the last axis
Tensor softplus(Operand x);
Tensor softsign(Operand x);
Tensor hard_sigmoid(Operand x);
Tensor hard_swish(Operand x);
Tensor mish(Operand x);

// Any function of a Tensor as argument of a layer: one of the above, or your own.
class Activation {
 public:
  using Function = std::function<Tensor(const Tensor&)>;
  Activation(Tensor (*function)(Operand)) : function_(function) {}
  Activation(Tensor (*function)(const Tensor&)) : function_(function) {}
  template <std::invocable<const Tensor&> F>
  Activation(F function) : function_(std::move(function)) {}

  Tensor operator()(const Tensor& x) const { return function_(x); }

 private:
  Function function_;
};

}  // namespace cnnc::dsl
