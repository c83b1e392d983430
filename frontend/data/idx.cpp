// IDX, the format of MNIST's files.
#include <algorithm>
#include <cstring>

#include "cnnc/data.h"
#include "frontend/data/file_reader.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"

namespace cnnc::dsl::data {

static uint32_t big_endian(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3];
}

static DType idx_type(uint8_t code, const std::string& path) {
  switch (code) {
    case 0x08: return DType::u8;
    case 0x09: return DType::i8;
    case 0x0B: return DType::i16;
    case 0x0C: return DType::i32;
    case 0x0D: return DType::f32;
    case 0x0E: return DType::f64;
    default: throw Error(cat(path, ": element type ", int{code}, " is none of IDX's"), Fault::file);
  }
}

// Throws unless the file holds exactly the elements that its header says.
static cnnc::Shape idx_shape(const std::vector<uint8_t>& bytes, size_t element, const std::string& path) {
  const size_t axes = bytes[3], header = 4 + 4 * axes;
  cnnc::Shape shape;
  size_t need = element;
  for (size_t i = 0; i < axes && bytes.size() >= header; ++i) {
    shape.push_back(big_endian(&bytes[4 + 4 * i]));
    if (__builtin_mul_overflow(need, static_cast<size_t>(shape.back()), &need)) need = SIZE_MAX / 2;
  }
  if (bytes.size() < header || bytes.size() - header != need)
    throw Error(cat(path, ": holds ", bytes.size(), " bytes, its header says ", header + need,
                    bytes.size() < header + need ? "; it is cut short" : ""),
                Fault::file);
  return shape;
}

Array idx(const std::string& path) {
  const std::vector<uint8_t> bytes = read_data_file(path);
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[3] == 0)
    throw Error(path + ": is not an IDX file, which begins with two zero bytes, a type and the number of axes",
                Fault::file);
  const DType type = idx_type(bytes[2], path);
  const size_t element = size_of(type);
  cnnc::Tensor tensor(type, idx_shape(bytes, element, path));
  auto* to = static_cast<uint8_t*>(tensor.mutable_raw());
  const uint8_t* from = bytes.data() + 4 + 4 * bytes[3];
  std::memcpy(to, from, tensor.bytes());
  for (size_t i = 0; element > 1 && i < tensor.bytes(); i += element) std::reverse(to + i, to + i + element);
  return array_of(std::move(tensor));
}

// ---- MNIST and what looks like it ------------------------------------------------------------------------------------
// The file of a part ("train-images"): names differ in a dash or dot, in EMNIST's prefix and in the compression.
static std::string part_file(const std::string& folder, const std::string& part, const std::string& kind) {
  for (const char* separator : {"-", "."})
    for (const char* ending : {"", ".gz"}) {
      const std::string path = cat(folder, "/", part, separator, kind, "-ubyte", ending);
      if (file_exists(path)) return path;
    }
  throw Error(cat(folder, ": has no ", part, "-", kind, "-ubyte or .gz"), Fault::file);
}

static Dataset mnist_part(const std::string& folder, const std::string& part) {
  const std::string image_file = part_file(folder, part + "-images", "idx3");
  const std::string label_file = part_file(folder, part + "-labels", "idx1");
  const Array images = idx(image_file), labels = idx(label_file);
  if (images.shape().size() != 3 || images.storage().tensor.dtype() != DType::u8)
    throw Error(cat(image_file, ": holds ", images.type(), ", need images u8[samples,height,width]"), Fault::file);
  if (labels.shape().size() != 1 || labels.storage().tensor.dtype() != DType::u8)
    throw Error(cat(label_file, ": holds ", labels.type(), ", need labels u8[samples]"), Fault::file);
  if (images.rows() != labels.rows())
    throw Error(cat(image_file, ": holds ", images.rows(), " images, but ", label_file, " ", labels.rows(), " labels"),
                Fault::file);
  const Shape& s = images.shape();
  return {images.reshaped({s[0], 1, s[1], s[2]}).scaled(1 / 255.0), labels};
}

TrainTest mnist(const std::string& folder) { return {mnist_part(folder, "train"), mnist_part(folder, "t10k")}; }

}  // namespace cnnc::dsl::data
