// CIFAR's binary files: records of label bytes and 3072 bytes of red, green and blue planes.
#include <cstring>

#include "cnnc/data.h"
#include "frontend/data/file_reader.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"

namespace cnnc::dsl::data {

static constexpr size_t kPixels = 3 * 32 * 32;

namespace {
struct Layout {
  size_t label_bytes, label;  // how many a record has, and which one is read
  int classes;
};
}  // namespace

static void check_file(const std::vector<uint8_t>& bytes, const std::string& path, const Layout& layout) {
  const size_t record = layout.label_bytes + kPixels;
  if (bytes.empty() || bytes.size() % record != 0)
    throw Error(cat(path, ": holds ", bytes.size(), " bytes, which are no whole number of records of ", record,
                    "; it is cut short or of another format"),
                Fault::file);
  for (size_t i = 0; i < bytes.size(); i += record)
    if (bytes[i + layout.label] >= layout.classes)
      throw Error(cat(path, ": record ", i / record, " has label ", int{bytes[i + layout.label]}, ", need 0 to ",
                      layout.classes - 1, "; the file is of another format"),
                  Fault::file);
}

static Dataset read_records(const std::vector<std::string>& paths, const Layout& layout) {
  const size_t record = layout.label_bytes + kPixels;
  std::vector<std::vector<uint8_t>> files;
  size_t count = 0;
  for (const std::string& path : paths) {
    files.push_back(read_data_file(path));
    check_file(files.back(), path, layout);
    count += files.back().size() / record;
  }
  cnnc::Tensor images(DType::u8, {static_cast<int64_t>(count), 3, 32, 32});
  cnnc::Tensor labels(DType::u8, {static_cast<int64_t>(count)});
  auto* pixel = images.mutable_data<uint8_t>();
  auto* label = labels.mutable_data<uint8_t>();
  for (const std::vector<uint8_t>& bytes : files)
    for (size_t i = 0; i < bytes.size(); i += record) {
      *label++ = bytes[i + layout.label];
      std::memcpy(pixel, &bytes[i + layout.label_bytes], kPixels);
      pixel += kPixels;
    }
  return {array_of(std::move(images)).scaled(1 / 255.0), array_of(std::move(labels))};
}

static std::string present(const std::string& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"})
    if (file_exists(folder + "/" + name + ending)) return folder + "/" + name + ending;
  throw Error(cat(folder, ": has no ", name), Fault::file);
}

TrainTest cifar10(const std::string& folder) {
  const Layout layout{1, 0, 10};
  std::vector<std::string> batches{present(folder, "data_batch_1.bin")};
  for (int i = 2; i <= 5; ++i) {
    // Smaller sets have fewer files.
    const std::string path = cat(folder, "/data_batch_", i, ".bin");
    if (file_exists(path) || file_exists(path + ".gz")) batches.push_back(present(folder, cat("data_batch_", i, ".bin")));
  }
  return {read_records(batches, layout), read_records({present(folder, "test_batch.bin")}, layout)};
}

TrainTest cifar100(const std::string& folder, bool coarse) {
  const Layout layout = coarse ? Layout{2, 0, 20} : Layout{2, 1, 100};
  return {read_records({present(folder, "train.bin")}, layout), read_records({present(folder, "test.bin")}, layout)};
}

}  // namespace cnnc::dsl::data
