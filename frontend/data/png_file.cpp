#include <png.h>

#include <cmath>

#include "cnnc/data.h"
#include "frontend/data/image_file.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"
#include "runtime/file_bytes.h"

namespace cnnc::dsl {

namespace {
// libpng's simplified interface, which reports faults by its return value.
struct PngImage {
  png_image image{};
  PngImage() { image.version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(&image); }
};
}  // namespace

Pixels decode_png(const std::vector<uint8_t>& bytes, const std::string& path) {
  PngImage png;
  const auto need = [&](int ok) {
    if (ok == 0 || (png.image.warning_or_error & 2) != 0)
      throw Error(cat(path, ": the PNG image is damaged or cut short (", png.image.message, ")"), Fault::file);
  };
  need(png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size()));
  require_image_size(png.image.height, png.image.width, path);
  png.image.format = PNG_FORMAT_RGBA;
  png.image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits have the curve that 8 have
  Pixels pixels{png.image.height, png.image.width, std::vector<uint8_t>(PNG_IMAGE_SIZE(png.image))};
  need(png_image_finish_read(&png.image, nullptr, pixels.rgba.data(), 0, nullptr));
  return pixels;
}

namespace data {

static uint32_t png_format(int64_t channels, const Array& image) {
  switch (channels) {
    case 1: return PNG_FORMAT_GRAY;
    case 3: return PNG_FORMAT_RGB;
    case 4: return PNG_FORMAT_RGBA;
    default:
      throw Error(cat("save_png was given ", image.type(), ", need [channels, height, width] with 1, 3 or 4 channels"),
                  Fault::usage);
  }
}

void save_png(const std::string& path, const Array& image) {
  const Shape& shape = image.shape();
  const uint32_t format = png_format(shape.size() == 3 ? shape[0] : 0, image);
  const int64_t channels = shape[0], size = shape[1] * shape[2];
  std::vector<uint8_t> bytes(static_cast<size_t>(channels * size));
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < size; ++i) {
      const double value = std::clamp(image.at(c * size + i), 0.0, 1.0);
      bytes[static_cast<size_t>(i * channels + c)] = static_cast<uint8_t>(std::lround(255 * value));
    }
  PngImage png;
  png.image.height = static_cast<uint32_t>(shape[1]);
  png.image.width = static_cast<uint32_t>(shape[2]);
  png.image.format = format;
  std::vector<uint8_t> file(PNG_IMAGE_PNG_SIZE_MAX(png.image));
  png_alloc_size_t size_of_file = file.size();
  if (png_image_write_to_memory(&png.image, file.data(), &size_of_file, 0, bytes.data(), 0, nullptr) == 0)
    throw Error(cat(path, ": cannot be written (", png.image.message, ")"), Fault::file);
  FileWriter writer;
  ErrorText error;
  if (!writer.open(path.c_str(), &error) || !writer.write(file.data(), size_of_file, &error) || !writer.commit(&error))
    throw Error(error.text, Fault::file);
}

}  // namespace data
}  // namespace cnnc::dsl
