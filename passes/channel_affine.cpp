#include "passes/channel_affine.h"

#include <algorithm>
#include <cmath>

#include "passes/constants.h"

namespace cnnc {

bool ChannelAffine::scales() const {
  return std::any_of(scale.begin(), scale.end(), [](double s) { return s != 1; });
}

bool ChannelAffine::shifts() const {
  return std::any_of(shift.begin(), shift.end(), [](double s) { return s != 0; });
}

ChannelAffine ChannelAffine::then(const ChannelAffine& next) const {
  ChannelAffine result = *this;
  for (size_t i = 0; i < scale.size(); ++i) {
    result.scale[i] *= next.scale[i];
    result.shift[i] = shift[i] * next.scale[i] + next.shift[i];
  }
  return result;
}

static bool is_finite(const ChannelAffine& a) {
  const auto finite = [](double v) { return std::isfinite(v); };
  return std::all_of(a.scale.begin(), a.scale.end(), finite) && std::all_of(a.shift.begin(), a.shift.end(), finite);
}

using Numbers = std::vector<double>;

// The elements of a constant that broadcasts over `x` with at most one element for each channel.
static std::optional<Numbers> per_channel(const Value* constant, const Value& x, int axis) {
  const Tensor* t = known_tensor(constant);
  if (t == nullptr || !x.dim(axis).is_const()) return std::nullopt;
  const int64_t channels = x.dim(axis).value();
  const int offset = x.rank() - static_cast<int>(t->shape().size());
  if (offset < 0) return std::nullopt;
  for (size_t i = 0; i < t->shape().size(); ++i) {
    const bool own = offset + static_cast<int>(i) == axis && t->shape()[i] == channels;
    if (t->shape()[i] != 1 && !own) return std::nullopt;
  }
  Numbers numbers;
  for (int64_t i = 0; i < channels; ++i) numbers.push_back(t->as_double(t->size() == 1 ? 0 : i));
  return numbers;
}

static std::optional<ChannelAffine> of_batch_norm(const Node& node, const Value& x, int axis) {
  if (axis != 1 || node.int_attribute("training_mode") != 0) return std::nullopt;
  for (size_t i = 1; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0) return std::nullopt;
  Numbers operands[4];
  for (size_t i = 0; i < 4; ++i) {
    const Tensor* t = known_tensor(node.input(i + 1));
    if (t == nullptr || t->shape().size() != 1 || !(x.dim(1) == t->size())) return std::nullopt;
    for (int64_t k = 0; k < t->size(); ++k) operands[i].push_back(t->as_double(k));
  }
  const auto& [scale, bias, mean, variance] = operands;
  ChannelAffine result{scale, bias};
  for (size_t i = 0; i < scale.size(); ++i) {
    result.scale[i] /= std::sqrt(variance[i] + node.float_attribute("epsilon"));
    result.shift[i] -= mean[i] * result.scale[i];
  }
  return result;
}

static std::optional<ChannelAffine> of_arithmetic(const Node& node, const Value& x, int axis) {
  const bool left = node.input(0) == &x;
  const auto constant = per_channel(node.input(left ? 1 : 0), x, axis);
  if (!constant || (node.is("Div") && !left)) return std::nullopt;
  ChannelAffine result{Numbers(constant->size(), 1), Numbers(constant->size(), 0)};
  for (size_t i = 0; i < constant->size(); ++i) {
    const double c = (*constant)[i];
    if (node.is("Mul")) result.scale[i] = c;
    else if (node.is("Div")) result.scale[i] = 1 / c;
    else if (node.is("Add") || !left) result.shift[i] = c;
    else result.shift[i] = -c;
    if (node.is("Sub") && !left) result.scale[i] = -1;
  }
  return result;
}

Value* mapped_operand(const Node& node) {
  if (node.is("BatchNormalization")) return node.input(0);
  if (node.inputs().size() != 2 || !(node.is("Mul") || node.is("Add") || node.is("Sub") || node.is("Div"))) return nullptr;
  const bool left = node.input(0)->constant() != nullptr, right = node.input(1)->constant() != nullptr;
  return left == right ? nullptr : node.input(left ? 1 : 0);
}

std::optional<ChannelAffine> channel_affine(const Node& node, const Value& x, int axis) {
  if (mapped_operand(node) != &x || node.output()->type() != x.type() || axis >= x.rank()) return std::nullopt;
  if (x.dtype() != DType::f32 && x.dtype() != DType::f64) return std::nullopt;
  auto result = node.is("BatchNormalization") ? of_batch_norm(node, x, axis) : of_arithmetic(node, x, axis);
  if (result && !is_finite(*result)) return std::nullopt;
  return result;
}

template <typename T>
static Tensor mapped_elements(const Tensor& tensor, const std::function<double(int64_t, double)>& fn) {
  Tensor result(tensor.dtype(), tensor.shape());
  const T* from = tensor.data<T>();
  T* to = result.mutable_data<T>();
  for (int64_t i = 0; i < tensor.size(); ++i) to[i] = static_cast<T>(fn(i, from[i]));
  return result;
}

Tensor mapped(const Tensor& tensor, const std::function<double(int64_t, double)>& fn) {
  return tensor.dtype() == DType::f64 ? mapped_elements<double>(tensor, fn) : mapped_elements<float>(tensor, fn);
}

Tensor vector_of(DType dtype, const std::vector<double>& numbers) {
  Tensor result(dtype, {static_cast<int64_t>(numbers.size())});
  for (size_t i = 0; i < numbers.size(); ++i) result.set_double(static_cast<int64_t>(i), numbers[i]);
  return result;
}

}  // namespace cnnc
