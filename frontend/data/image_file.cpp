#include "frontend/data/image_file.h"

#include <algorithm>
#include <cmath>

#include "cnnc/data.h"
#include "frontend/data/file_reader.h"
#include "frontend/data/image_array.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"

namespace cnnc::dsl {

void require_image_size(uint64_t height, uint64_t width, const std::string& path) {
  constexpr uint64_t kMostPixels = uint64_t{1} << 28;
  if (height == 0 || width == 0 || height * width > kMostPixels)
    throw Error(cat(path, ": the image is ", height, " x ", width, ", need 1 to ", kMostPixels, " pixels"), Fault::file);
}

static bool begins_with(const std::vector<uint8_t>& bytes, const std::vector<uint8_t>& magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

Pixels decode_image(const std::string& path) {
  const std::vector<uint8_t> bytes = read_data_file(path);
  if (begins_with(bytes, {0x89, 'P', 'N', 'G'})) return decode_png(bytes, path);
  if (begins_with(bytes, {0xFF, 0xD8, 0xFF})) return decode_jpeg(bytes, path);
  throw Error(cat(path, bytes.empty() ? ": is empty" : ": is neither a PNG nor a JPEG image"), Fault::file);
}

// ---- to an array -----------------------------------------------------------------------------------------------------
int64_t channels_of(data::ColorMode mode) {
  return mode == data::ColorMode::grayscale ? 1 : mode == data::ColorMode::rgb ? 3 : 4;
}

static float channel_of(const uint8_t* pixel, data::ColorMode mode, int64_t channel) {
  if (mode != data::ColorMode::grayscale) return pixel[channel];
  return 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
}

namespace {

// The window of the image that is shown: all of it, or the middle in the proportions of the result.
struct Window {
  int64_t top, left, height, width;
};

// Where the centre of a result's pixel lies in the source, between two of its pixels.
struct Between {
  int64_t low, high;
  float part;
  Between(int64_t i, int64_t from, int64_t to) {
    const float x = (static_cast<float>(i) + 0.5f) * static_cast<float>(from) / static_cast<float>(to) - 0.5f;
    const float floor = std::floor(x);
    low = std::clamp<int64_t>(static_cast<int64_t>(floor), 0, from - 1);
    high = std::clamp<int64_t>(static_cast<int64_t>(floor) + 1, 0, from - 1);
    part = x - floor;
  }
};

}  // namespace

static Window window_of(const Pixels& image, const ImageSpec& spec) {
  if (!spec.crop_to_aspect_ratio) return {0, 0, image.height, image.width};
  const auto proportional = [](int64_t a, int64_t b, int64_t c) {
    return static_cast<int64_t>(static_cast<double>(a * b) / static_cast<double>(c));
  };
  const int64_t height = std::clamp<int64_t>(proportional(image.width, spec.height, spec.width), 1, image.height);
  const int64_t width = std::clamp<int64_t>(proportional(image.height, spec.width, spec.height), 1, image.width);
  return {(image.height - height) / 2, (image.width - width) / 2, height, width};
}

void write_image(const Pixels& image, const ImageSpec& spec, uint8_t* to) {
  const Window window = window_of(image, spec);
  const auto pixel = [&](int64_t y, int64_t x) {
    return &image.rgba[static_cast<size_t>(4 * ((window.top + y) * image.width + window.left + x))];
  };
  const int64_t channels = channels_of(spec.mode);
  for (int64_t i = 0; i < spec.height; ++i) {
    const Between y(i, window.height, spec.height);
    for (int64_t j = 0; j < spec.width; ++j) {
      const Between x(j, window.width, spec.width);
      const uint8_t* corners[] = {pixel(y.low, x.low), pixel(y.low, x.high), pixel(y.high, x.low), pixel(y.high, x.high)};
      for (int64_t c = 0; c < channels; ++c) {
        const auto at = [&](int k) { return channel_of(corners[k], spec.mode, c); };
        const float top = at(0) + (at(1) - at(0)) * x.part, bottom = at(2) + (at(3) - at(2)) * x.part;
        to[(c * spec.height + i) * spec.width + j] = static_cast<uint8_t>(std::lround(top + (bottom - top) * y.part));
      }
    }
  }
}

void require_sizes(int64_t height, int64_t width) {
  if (height < 0 || width < 0 || (height == 0) != (width == 0))
    throw Error(cat("images of ", height, " x ", width, " are asked for, need two positive numbers, or two zeros for the "
                    "size in the file"),
                Fault::usage);
}

namespace data {

Array image(const std::string& path, const ImageOptions& o) {
  require_sizes(o.height, o.width);
  const Pixels pixels = decode_image(path);
  const ImageSpec spec{o.height == 0 ? pixels.height : o.height, o.width == 0 ? pixels.width : o.width, o.color_mode,
                       o.crop_to_aspect_ratio};
  cnnc::Tensor result(DType::u8, {channels_of(spec.mode), spec.height, spec.width});
  write_image(pixels, spec, result.mutable_data<uint8_t>());
  return array_of(std::move(result)).scaled(1 / 255.0);
}

}  // namespace data
}  // namespace cnnc::dsl
