// Decoded images as rows of an array.
#pragma once
#include "cnnc/data.h"
#include "frontend/data/image_file.h"

namespace cnnc::dsl {

struct ImageSpec {
  int64_t height, width;
  data::ColorMode mode;
  bool crop_to_aspect_ratio;
};

int64_t channels_of(data::ColorMode mode);
// Throws Error (Fault::usage) unless both are positive or both are 0.
void require_sizes(int64_t height, int64_t width);
// Resized with bilinear interpolation, as [channels, height, width].
void write_image(const Pixels& image, const ImageSpec& spec, uint8_t* to);

}  // namespace cnnc::dsl
