// PNG and JPEG files as pixels.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cnnc::dsl {

struct Pixels {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> rgba;  // rows of four bytes a pixel
};

// Both throw Error (Fault::file) naming the file.
Pixels decode_png(const std::vector<uint8_t>& bytes, const std::string& path);
Pixels decode_jpeg(const std::vector<uint8_t>& bytes, const std::string& path);
// Either, by how the file begins.
Pixels decode_image(const std::string& path);

// Throws for images that no memory should be taken for.
void require_image_size(uint64_t height, uint64_t width, const std::string& path);

}  // namespace cnnc::dsl
