#include "frontend/dsl/image_parts.h"

#include <algorithm>

namespace cnnc::dsl {

const Tensor& one_image(const Tensors& x) { return one_of_rank(x, 4, "[batch, channels, height, width]"); }

ImageSize size_of_image(const Tensor& image) { return {known_size(image, 2), known_size(image, 3)}; }

static void require_positive(ImageSize size) {
  require(size.height > 0 && size.width > 0, "the size is ", size.height, " x ", size.width,
          ", need positive numbers");
}

Tensor resized(const Tensor& image, ImageSize to, Interpolation interpolation, const Location& where) {
  require_positive(to);
  Attributes attributes{{"axes", Ints{2, 3}}};
  if (interpolation == Interpolation::bilinear) attributes["mode"] = std::string("linear");
  else attributes["nearest_mode"] = std::string("round_prefer_ceil");
  const Tensor sizes = integers({to.height, to.width});
  return record_results("Resize", {&image, &sizes}, std::move(attributes), 0, where)[0];
}

// Height and width of the given proportions that go with the image's width and height.
static ImageSize proportional(ImageSize from, ImageSize shape) {
  return {static_cast<int64_t>(static_cast<double>(from.width * shape.height) / static_cast<double>(shape.width)),
          static_cast<int64_t>(static_cast<double>(from.height * shape.width) / static_cast<double>(shape.height))};
}

Tensor cropped_to_ratio(const Tensor& image, ImageSize shape, const Location& where) {
  require_positive(shape);
  const ImageSize from = size_of_image(image), wanted = proportional(from, shape);
  const int64_t height = std::max<int64_t>(1, std::min(from.height, wanted.height));
  const int64_t width = std::max<int64_t>(1, std::min(from.width, wanted.width));
  const int64_t top = (from.height - height) / 2, left = (from.width - width) / 2;
  return slice(slice(image, 2, top, top + height, where), 3, left, left + width, where);
}

Tensor padded_to_ratio(const Tensor& image, ImageSize shape, double fill_value, const Location& where) {
  require_positive(shape);
  const ImageSize from = size_of_image(image), wanted = proportional(from, shape);
  const int64_t down = std::max(from.height, wanted.height) - from.height;
  const int64_t right = std::max(from.width, wanted.width) - from.width;
  const Tensor pads = integers({0, 0, down / 2, right / 2, 0, 0, down - down / 2, right - right / 2});
  return record("Pad", {image, pads, constant_tensor(cnnc::Tensor::scalar(DType::f32, fill_value))}, {}, where);
}

Tensor smart_resized(const Tensor& image, ImageSize to, const Location& where) {
  return resized(cropped_to_ratio(image, to, where), to, Interpolation::bilinear, where);
}

}  // namespace cnnc::dsl
