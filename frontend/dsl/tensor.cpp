// Symbolic values and the operations on them.
#include "cnnc/tensor.h"

#include <atomic>

#include "frontend/dsl/definition.h"
#include "ir/op_def.h"

namespace cnnc::dsl {

Shape Tensor::shape() const {
  Shape shape;
  for (const Dim& d : definition_->type.dims) shape.push_back(d.is_const() ? d.value() : -1);
  return shape;
}

std::string Tensor::type() const { return definition_->type.str(); }

static DType dtype_of(InputType type) {
  switch (type) {
    case InputType::i32: return DType::i32;
    case InputType::i64: return DType::i64;
    default: return DType::f32;
  }
}

// Free sizes of inputs without a name are no others' either.
static std::string free_size(const std::string& name, size_t axis) {
  static std::atomic<int64_t> count{0};
  return name.empty() ? cat("size_", ++count) : cat(name, "_", axis);
}

static Dims input_dims(const Shape& shape, const std::string& name, const Location& where) {
  Dims dims{Dim::symbol("batch")};
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 || shape[i] < -1)
      throw Error(cat("input of ", line_of(where), ": size ", shape[i], " of axis ", i, ", need a positive one or -1"),
                  Fault::usage);
    dims.push_back(shape[i] > 0 ? Dim(shape[i]) : Dim::symbol(free_size(name, i + 1)));
  }
  return dims;
}

// Channels of a sample go in front of its other axes.
static Tensor channels_first(const Tensor& x, const Location& where) {
  std::vector<int64_t> order{0, x.rank() - 1};
  for (int64_t axis = 1; axis + 1 < x.rank(); ++axis) order.push_back(axis);
  auto view = std::make_shared<Definition>(*transpose(x, order, where).definition());
  view->is_input_view = true;
  return Tensor(std::move(view));
}

Tensor input(Shape shape, InputOptions options, Location where) {
  auto definition = std::make_shared<Definition>();
  definition->name = options.name;
  definition->where = where;
  definition->type = {dtype_of(options.type), input_dims(shape, options.name, where)};
  const Tensor x(std::move(definition));
  return options.data_format == DataFormat::channels_last && shape.size() > 1 ? channels_first(x, where) : x;
}

// ---- element by element ----------------------------------------------------------------------------------------------
static Tensor number_like(const Tensor& x, double number) {
  return constant_tensor(cnnc::Tensor::scalar(x.definition()->type.dtype, number));
}

Tensor operator+(Operand a, const Tensor& b) { return record("Add", {a.tensor, b}, {}, a.where); }
Tensor operator-(Operand a, const Tensor& b) { return record("Sub", {a.tensor, b}, {}, a.where); }
Tensor operator*(Operand a, const Tensor& b) { return record("Mul", {a.tensor, b}, {}, a.where); }
Tensor operator/(Operand a, const Tensor& b) { return record("Div", {a.tensor, b}, {}, a.where); }
Tensor operator+(Operand a, double b) { return a + number_like(a.tensor, b); }
Tensor operator-(Operand a, double b) { return a - number_like(a.tensor, b); }
Tensor operator*(Operand a, double b) { return a * number_like(a.tensor, b); }
Tensor operator/(Operand a, double b) { return a / number_like(a.tensor, b); }
Tensor operator+(double a, Operand b) { return Operand(number_like(b.tensor, a), b.where) + b.tensor; }
Tensor operator-(double a, Operand b) { return Operand(number_like(b.tensor, a), b.where) - b.tensor; }
Tensor operator*(double a, Operand b) { return Operand(number_like(b.tensor, a), b.where) * b.tensor; }
Tensor operator/(double a, Operand b) { return Operand(number_like(b.tensor, a), b.where) / b.tensor; }
Tensor operator-(Operand x) { return record("Neg", {x.tensor}, {}, x.where); }

Tensor exp(const Tensor& x, Location where) { return record("Exp", {x}, {}, where); }
Tensor log(const Tensor& x, Location where) { return record("Log", {x}, {}, where); }
Tensor sqrt(const Tensor& x, Location where) { return record("Sqrt", {x}, {}, where); }
Tensor square(const Tensor& x, Location where) { return record("Mul", {x, x}, {}, where); }
Tensor abs(const Tensor& x, Location where) { return record("Abs", {x}, {}, where); }
Tensor maximum(const Tensor& a, const Tensor& b, Location where) { return record("Max", {a, b}, {}, where); }
Tensor minimum(const Tensor& a, const Tensor& b, Location where) { return record("Min", {a, b}, {}, where); }

// ---- along axes ------------------------------------------------------------------------------------------------------
static Tensor reduction(const char* op, const Tensor& x, const std::vector<int64_t>& axes, bool keep,
                        const Location& where) {
  return record(op, {x, integers(axes)}, {{"keepdims", int64_t{keep}}}, where);
}
Tensor mean(const Tensor& x, std::vector<int64_t> axes, bool keep, Location where) {
  return reduction("ReduceMean", x, axes, keep, where);
}
Tensor sum(const Tensor& x, std::vector<int64_t> axes, bool keep, Location where) {
  return reduction("ReduceSum", x, axes, keep, where);
}
Tensor max(const Tensor& x, std::vector<int64_t> axes, bool keep, Location where) {
  return reduction("ReduceMax", x, axes, keep, where);
}

// ---- products and movement -------------------------------------------------------------------------------------------
Tensor matmul(const Tensor& a, const Tensor& b, Location where) { return record("MatMul", {a, b}, {}, where); }

// The batch stays as it is, so each sample must have as many elements before and after.
static void require_same_size(const Tensor& x, const Shape& shape, const Location& where) {
  int64_t given = 1, wanted = 1, free = 0;
  const Shape from = x.shape();
  for (size_t i = 1; i < from.size(); ++i) given *= from[i] < 0 ? 0 : from[i];
  for (const int64_t size : shape) size == -1 ? ++free : wanted *= size;
  if (given == 0 || wanted == 0) return;  // free sizes; ONNX's 0 copies one
  if (free == 0 ? given == wanted : free == 1 && given % wanted == 0) return;
  const auto current = CallScope::current();
  std::string to;
  for (const int64_t size : shape) to += (to.empty() ? "" : ",") + std::to_string(size);
  throw Error(cat(current ? current->layer->description() : cat("reshape of ", line_of(where)), ": samples of ", x.type(),
                  " cannot become {", to, "}"),
              Fault::usage);
}

Tensor reshape(const Tensor& x, Shape shape, Location where) {
  require_same_size(x, shape, where);
  shape.insert(shape.begin(), 0);  // the batch as it is
  return record("Reshape", {x, integers(shape)}, {}, where);
}

Tensor transpose(const Tensor& x, std::vector<int64_t> order, Location where) {
  return record("Transpose", {x}, {{"perm", order}}, where);
}

Tensor concatenate(const Tensors& parts, int64_t axis, Location where) {
  return record("Concat", parts, {{"axis", axis}}, where);
}

Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end, Location where) {
  return record("Slice", {x, integers({begin}), integers({end}), integers({axis})}, {}, where);
}

Tensor operation(const std::string& name, const Tensors& operands,
                 const std::map<std::string, OperatorAttribute>& attributes, Location where) {
  Attributes converted;
  for (const auto& [key, value] : attributes)
    std::visit([&, &key = key](const auto& v) { converted[key] = Attribute(v); }, value);
  return record(name, operands, std::move(converted), where);
}

Tensor constant(const Array& values, Location) {
  return constant_tensor(values.scale() == 1 ? values.storage().tensor : values.to_float().storage().tensor);
}

// ---- activations -----------------------------------------------------------------------------------------------------
static Tensor unary(const char* op, const Operand& x, Attributes attributes = {}) {
  return record(op, {x.tensor}, std::move(attributes), x.where);
}

Tensor linear(Operand x) { return x.tensor; }
Tensor relu(Operand x) { return unary("Relu", x); }
Tensor relu6(Operand x) {
  return record("Clip", {x.tensor, number_like(x.tensor, 0), number_like(x.tensor, 6)}, {}, x.where);
}
Tensor leaky_relu(Operand x) { return unary("LeakyRelu", x, {{"alpha", 0.2}}); }
Tensor elu(Operand x) { return unary("Elu", x); }
Tensor selu(Operand x) { return unary("Selu", x); }
Tensor gelu(Operand x) { return unary("Gelu", x); }
Tensor silu(Operand x) { return x * sigmoid(x); }
Tensor tanh(Operand x) { return unary("Tanh", x); }
Tensor sigmoid(Operand x) { return unary("Sigmoid", x); }
Tensor softmax(Operand x) { return unary("Softmax", x, {{"axis", int64_t{-1}}}); }
Tensor log_softmax(Operand x) { return unary("LogSoftmax", x, {{"axis", int64_t{-1}}}); }
Tensor softplus(Operand x) { return unary("Softplus", x); }
Tensor softsign(Operand x) { return unary("Softsign", x); }
// Keras' hard sigmoid: x / 6 + 1/2 clipped to [0, 1].
Tensor hard_sigmoid(Operand x) { return unary("HardSigmoid", x, {{"alpha", 1.0 / 6}, {"beta", 0.5}}); }
Tensor hard_swish(Operand x) { return unary("HardSwish", x); }
Tensor mish(Operand x) { return unary("Mish", x); }

}  // namespace cnnc::dsl
