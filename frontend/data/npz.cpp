// NumPy's .npz: a zip archive of .npy files.
#include <cstring>

#include "cnnc/data.h"
#include "frontend/data/file_reader.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"
#include "runtime/tensor_file.h"

namespace cnnc::dsl::data {

namespace {

// Little-endian fields of the archive; reading beyond its end is a fault of the file.
class Archive {
 public:
  explicit Archive(const std::string& path) : path_(path), bytes_(read_data_file(path)) {}

  std::vector<uint8_t> member(const std::string& wanted) const {
    std::string known;
    size_t at = directory();
    for (size_t i = 0; i < entries_; ++i) {
      need(read(at, 4) == 0x02014b50, "its directory is damaged");
      const size_t name_length = read(at + 28, 2);
      need(at + 46 + name_length <= bytes_.size(), "its directory is damaged");
      const std::string name(reinterpret_cast<const char*>(&bytes_[at + 46]), name_length);
      if (name == wanted + ".npy") return content(at);
      known += (known.empty() ? "" : ", ") + name.substr(0, name.rfind(".npy"));
      at += 46 + name_length + read(at + 30, 2) + read(at + 32, 2);
    }
    throw Error(cat(path_, ": has no array ", quoted(wanted), "; it has ", known), Fault::file);
  }

 private:
  void need(bool condition, const char* what) const {
    if (!condition) throw Error(cat(path_, ": is not a .npz archive, or ", what), Fault::file);
  }

  size_t read(size_t at, size_t count) const {
    need(at + count <= bytes_.size() && at + count >= at, "it is cut short");
    size_t value = 0;
    for (size_t i = 0; i < count; ++i) value |= size_t{bytes_[at + i]} << (8 * i);
    return value;
  }

  // The central directory is found from the record at the end.
  size_t directory() const {
    need(bytes_.size() >= 22, "it is cut short");
    for (size_t at = bytes_.size() - 22;; --at) {
      if (read(at, 4) == 0x06054b50) {
        entries_ = read(at + 10, 2);
        return read(at + 16, 4);
      }
      need(at > 0 && bytes_.size() - at < 70000, "it has no directory");
    }
  }

  std::vector<uint8_t> content(size_t entry) const {
    const size_t method = read(entry + 10, 2), stored = read(entry + 20, 4), size = read(entry + 24, 4);
    const size_t local = read(entry + 42, 4);
    need(stored != 0xffffffff && size != 0xffffffff, "an array is larger than 4 GB, which is not supported");
    const size_t begin = local + 30 + read(local + 26, 2) + read(local + 28, 2);
    need(begin + stored <= bytes_.size(), "it is cut short");
    need(method == 0 || method == 8, "it uses a compression that is not supported");
    need(method == 0 || size <= stored * 1100 + 65536, "its sizes are damaged");
    if (method == 8) return inflate_raw(&bytes_[begin], stored, size, path_);
    return {bytes_.begin() + static_cast<int64_t>(begin), bytes_.begin() + static_cast<int64_t>(begin + stored)};
  }

  std::string path_;
  std::vector<uint8_t> bytes_;
  mutable size_t entries_ = 0;
};

}  // namespace

Array npz(const std::string& path, const std::string& name) {
  const std::vector<uint8_t> bytes = Archive(path).member(name);
  const auto owner = std::make_shared<HostTensor>();
  HostTensor& host = *owner;
  ErrorText error;
  if (!parse_npy(bytes.data(), bytes.size(), &host, &error))
    throw Error(cat(path, ": array ", quoted(name), ": ", error.text), Fault::file);
  const cnnc::Tensor tensor(static_cast<DType>(host.dtype), cnnc::Shape(host.dims, host.dims + host.rank), owner, host.data);
  return array_from_file(tensor, cat(path, ": array ", quoted(name)));
}

}  // namespace cnnc::dsl::data
