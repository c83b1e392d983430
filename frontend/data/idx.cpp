// IDX, the format of MNIST's files.
#include <algorithm>
#include <cstdint>
#include <future>
#include <vector>

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

namespace {
struct Header {
  DType type;
  cnnc::Shape shape;
  size_t header_bytes, element_bytes, total_bytes;  // in all, with the header
};
}  // namespace

// Two zero bytes, a type and the number of axes; then their sizes. The product of sizes that nothing can hold is kept
// from overflowing.
static Header read_header(DataFile& file, const std::string& path) {
  uint8_t start[4] = {}, sizes[4 * 255] = {};
  if (file.read(start, 4) < 4 || start[0] != 0 || start[1] != 0 || start[3] == 0)
    throw Error(path + ": is not an IDX file, which begins with two zero bytes, a type and the number of axes",
                Fault::file);
  const DType type = idx_type(start[2], path);
  const size_t axes = start[3], element = size_of(type), found = file.read(sizes, 4 * axes);
  if (found < 4 * axes)
    throw Error(cat(path, ": holds ", 4 + found, " bytes, less than the header of its ", axes, " axes; it is cut short"),
                Fault::file);
  Header header{type, {}, 4 + 4 * axes, element, element};
  for (size_t i = 0; i < axes; ++i) {
    header.shape.push_back(big_endian(sizes + 4 * i));
    if (__builtin_mul_overflow(header.total_bytes, static_cast<size_t>(header.shape.back()), &header.total_bytes))
      header.total_bytes = SIZE_MAX / 2;
  }
  header.total_bytes += header.header_bytes;
  return header;
}

// Throws unless the file holds exactly the elements that its header says.
static void require_size(const Header& header, size_t found, const std::string& path) {
  if (found == header.total_bytes) return;
  const bool more = found > header.total_bytes;
  throw Error(cat(path, ": holds ", more ? "more than " : "", more ? header.total_bytes : found,
                  " bytes, its header says ", header.total_bytes, more ? "" : "; it is cut short"),
              Fault::file);
}

// How many bytes are left in the file.
static size_t count_rest(DataFile& file) {
  std::vector<char> ignored(1 << 16);
  size_t count = 0;
  while (const size_t got = file.read(ignored.data(), ignored.size())) count += got;
  return count;
}

Array idx(const std::string& path) {
  DataFile file(path);
  const Header header = read_header(file, path);
  if (header.total_bytes > file.most_bytes())
    require_size(header, header.header_bytes + count_rest(file), path);
  cnnc::Tensor tensor(header.type, header.shape);
  auto* to = static_cast<uint8_t*>(tensor.mutable_raw());
  const size_t found = file.read(to, tensor.bytes()), element = header.element_bytes;
  uint8_t beyond = 0;
  require_size(header, header.header_bytes + found + file.read(&beyond, 1), path);
  for (size_t i = 0; element > 1 && i < tensor.bytes(); i += element) std::reverse(to + i, to + i + element);
  return array_of(std::move(tensor));
}

// ---- MNIST and what looks like it ------------------------------------------------------------------------------------
// The file of a part ("train-images"): names differ in a dash or dot and in the compression.
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

TrainTest mnist(const std::string& folder) {
  // Inflating is most of it; the parts are inflated side by side.
  auto test = std::async(std::launch::async, mnist_part, folder, "t10k");
  Dataset train = mnist_part(folder, "train");
  return {std::move(train), test.get()};
}

// Rows and columns of every image exchanged.
static Array exchanged(const Array& images) {
  const Shape& s = images.shape();
  Array result = Array::zeros<uint8_t>({s[0], s[1], s[3], s[2]});
  const uint8_t* from = images.data<uint8_t>();
  uint8_t* to = result.mutable_data<uint8_t>();
  for (int64_t i = 0; i < s[0]; ++i, from += s[2] * s[3], to += s[2] * s[3])
    for (int64_t y = 0; y < s[2]; ++y)
      for (int64_t x = 0; x < s[3]; ++x) to[x * s[2] + y] = from[y * s[3] + x];
  return result.scaled(images.scale());
}

TrainTest emnist(const std::string& folder, const std::string& split) {
  const auto part = [&](const char* name) {
    const Dataset data = mnist_part(folder, cat("emnist-", split, "-", name));
    return Dataset{exchanged(data.x), data.y};
  };
  return {part("train"), part("test")};
}

}  // namespace cnnc::dsl::data
