// Layers that move numbers, join tensors or apply a function.
#include "frontend/dsl/masks.h"

namespace cnnc::dsl {

Input::Input(Shape shape, InputOptions options, Location where)
    : Layer(
          "Input", [=](LayerScope&, const Tensors&) { return dsl::input(shape, options, where); }, where) {}

Flatten::Flatten(Location where)
    : Layer("Flatten", [=](LayerScope&, const Tensors& x) { return record("Flatten", {one(x)}, {}, where); }, where) {}

Reshape::Reshape(Shape shape, Location where)
    : Layer("Reshape", [=](LayerScope&, const Tensors& x) { return reshape(one(x), shape, where); }, where) {}

Permute::Permute(std::vector<int64_t> order, Location where)
    : Layer(
          "Permute",
          [=](LayerScope&, const Tensors& x) {
            std::vector<int64_t> all{0};
            all.insert(all.end(), order.begin(), order.end());
            return transpose(one(x), all, where);
          },
          where) {}

static Ints image_pads(const Sizes& padding) {
  const Ints& p = padding.values;
  require(p.size() == 1 || p.size() == 2 || p.size() == 4, "padding has ", p.size(), " numbers, need 1, 2 or 4");
  const Ints each = p.size() == 4 ? p : p.size() == 2 ? Ints{p[0], p[1], p[0], p[1]} : Ints(4, p[0]);
  return {0, 0, each[0], each[1], 0, 0, each[2], each[3]};
}

ZeroPadding2D::ZeroPadding2D(Sizes padding, Location where)
    : Layer(
          "ZeroPadding2D",
          [=](LayerScope&, const Tensors& x) {
            const Tensor& image = one_of_rank(x, 4, "[batch, channels, height, width]");
            return record("Pad", {image, integers(image_pads(padding))}, {}, where);
          },
          where) {}

UpSampling2D::UpSampling2D(Sizes factors, Interpolation interpolation, Location where)
    : Layer(
          "UpSampling2D",
          [=](LayerScope&, const Tensors& x) {
            const Tensor& image = one_of_rank(x, 4, "[batch, channels, height, width]");
            const Ints f = for_axes(factors, 2, "factors");
            Attributes attributes{{"scales", Floats{1, 1, static_cast<double>(f[0]), static_cast<double>(f[1])}}};
            if (interpolation == Interpolation::bilinear) attributes["mode"] = std::string("linear");
            else attributes["nearest_mode"] = std::string("floor"),
                 attributes["coordinate_transformation_mode"] = std::string("asymmetric");
            return record("Resize", {image}, std::move(attributes), where);
          },
          where) {}

// ---- joining ---------------------------------------------------------------------------------------------------------
static Layer::Function folded(const char* op, Location where) {
  return [=](LayerScope&, const Tensors& x) {
    require(x.size() >= 2, "takes two tensors or more, was given ", x.size());
    Tensor result = record(op, {x[0], x[1]}, {}, where);
    for (size_t i = 2; i < x.size(); ++i) result = record(op, {result, x[i]}, {}, where);
    return masked(result, mask_of_all(x, where));
  };
}

Add::Add(Location where) : Layer("Add", folded("Add", where), where) {
  decides_masks(*this);
}
Multiply::Multiply(Location where) : Layer("Multiply", folded("Mul", where), where) {
  decides_masks(*this);
}
// That all steps count.
static Tensor full_mask(const Tensor& x, const Location& where) {
  Tensor of_step = masked(x, {});
  const Tensor first = constant_tensor(cnnc::Tensor::scalar(DType::i64, 0));
  while (of_step.rank() > 2) of_step = record("Gather", {of_step, first}, {{"axis", int64_t{2}}}, where);
  const Tensor is_number = record("Equal", {of_step, of_step}, {}, where);
  return record("Or", {is_number, record("Not", {is_number}, {}, where)}, {}, where);
}

// Of sequences one after the other, or with their features side by side: then a step counts that counts in one of them.
static std::optional<Tensor> joined_masks(const Tensors& x, int64_t axis, const Location& where) {
  if (axis > 1) return mask_of_all(x, where);
  Tensors masks;
  for (const Tensor& t : x) masks.push_back(t.mask() ? *t.mask() : full_mask(t, where));
  return concatenate(masks, 1, where);
}

Concatenate::Concatenate(int64_t axis, Location where)
    : Layer(
          "Concatenate",
          [=](LayerScope&, const Tensors& x) {
            require(x.size() >= 2, "takes two tensors or more, was given ", x.size());
            const Tensor result = concatenate(x, axis, where);
            return any_masked(x) ? masked(result, joined_masks(x, sample_axis(x[0], axis), where)) : result;
          },
          where) {
  decides_masks(*this);
}

// ---- functions -------------------------------------------------------------------------------------------------------
ActivationLayer::ActivationLayer(Activation activation, Location where)
    : Layer("Activation", [=](LayerScope&, const Tensors& x) { return activation(one(x)); }, where) {
  supports_masking();
}

LeakyReLU::LeakyReLU(double slope, Location where)
    : Layer(
          "LeakyReLU",
          [=](LayerScope&, const Tensors& x) { return record("LeakyRelu", {one(x)}, {{"alpha", slope}}, where); },
          where) {
  supports_masking();
}

PReLU::PReLU(std::vector<int64_t> shared_axes, Location where)
    : Layer(
          "PReLU",
          [=](LayerScope& scope, const Tensors& x) {
            const Tensor& data = one(x);
            require(data.rank() >= 2, "takes [batch, channels, ...], was given ", data.type());
            Shape shape = data.shape();
            shape.erase(shape.begin());
            for (const int64_t axis : shared_axes) shape[static_cast<size_t>(sample_axis(data, axis) - 1)] = 1;
            return record("PRelu", {data, scope.weight("alpha", shape, zeros)}, {}, where);
          },
          where) {
  supports_masking();
}

Softmax::Softmax(int64_t axis, Location where)
    : Layer(
          "Softmax", [=](LayerScope&, const Tensors& x) { return record("Softmax", {one(x)}, {{"axis", axis}}, where); },
          where) {
  supports_masking();
}

Tensor flatten(const Tensor& x, Location where) { return Flatten(where)(x); }

}  // namespace cnnc::dsl
