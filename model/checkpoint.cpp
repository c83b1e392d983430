// Checkpoints: everything that training carries along, in one file.
//
// "CNNCKPT1", then the steps and epochs done, the number of tensors, and for each its name, element type, shape and
// bytes; the CRC of all of it ends the file. Numbers are little-endian.
#include <zlib.h>

#include <cstring>

#include "cnnc/model.h"
#include "frontend/data/file_reader.h"
#include "ir/error.h"
#include "model/model_state.h"
#include "model/training_state.h"
#include "runtime/file_bytes.h"

namespace cnnc::dsl {

namespace {

constexpr char kMagic[] = "CNNCKPT1";
// Before names of the optimizer's tensors: weights cannot be called so.
constexpr char kOptimizer[] = "optimizer:";

class Writer {
 public:
  void bytes(const void* data, size_t count) { text_.append(static_cast<const char*>(data), count); }
  void number(int64_t value) { bytes(&value, sizeof value); }
  void tensor(const std::string& name, const cnnc::Tensor& tensor) {
    number(static_cast<int64_t>(name.size()));
    bytes(name.data(), name.size());
    number(static_cast<int64_t>(tensor.dtype()));
    number(static_cast<int64_t>(tensor.shape().size()));
    for (const int64_t size : tensor.shape()) number(size);
    bytes(tensor.raw(), tensor.bytes());
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Reader {
 public:
  Reader(const std::vector<uint8_t>& bytes, std::string path) : bytes_(bytes), path_(std::move(path)) {}

  const uint8_t* take(size_t count) {
    if (bytes_.size() - at_ < count) fail("it is cut short");
    at_ += count;
    return bytes_.data() + (at_ - count);
  }
  int64_t number() {
    int64_t value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  int64_t number_below(int64_t limit) {
    const int64_t value = number();
    if (value < 0 || value >= limit) fail("it is damaged");
    return value;
  }
  std::pair<std::string, cnnc::Tensor> tensor() {
    const auto length = static_cast<size_t>(number_below(1 << 16));
    const auto* name = reinterpret_cast<const char*>(take(length));
    std::string text(name, length);
    const int64_t type = number_below(32);
    bool known = false;
    for (const DType dtype : kAllDTypes) known = known || static_cast<int64_t>(dtype) == type;
    if (!known) fail("it is damaged");
    cnnc::Shape shape(static_cast<size_t>(number_below(64)));
    for (int64_t& size : shape) size = number_below(int64_t{1} << 40);
    size_t count = size_of(static_cast<DType>(type));
    for (const int64_t size : shape)
      if (__builtin_mul_overflow(count, static_cast<size_t>(size), &count)) fail("it is damaged");
    const uint8_t* content = take(count);
    cnnc::Tensor tensor(static_cast<DType>(type), shape);
    std::memcpy(tensor.mutable_raw(), content, count);
    return {std::move(text), std::move(tensor)};
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(cat(path_, ": is no checkpoint that can be used: ", what), Fault::file);
  }

 private:
  const std::vector<uint8_t>& bytes_;
  std::string path_;
  size_t at_ = 0;
};

uint32_t checksum(const void* data, size_t count) {
  return static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(data), count));
}

struct Content {
  int64_t step, epoch;
  std::map<std::string, cnnc::Tensor> weights, optimizer;
};

Content read_content(const std::string& path) {
  const std::vector<uint8_t> bytes = read_data_file(path);
  Reader reader(bytes, path);
  const size_t magic = sizeof kMagic - 1;
  if (bytes.size() < magic || std::memcmp(bytes.data(), kMagic, magic) != 0) reader.fail("it is a file of another kind");
  if (bytes.size() < magic + 4) reader.fail("it is cut short");
  uint32_t sum;
  std::memcpy(&sum, bytes.data() + bytes.size() - 4, 4);
  if (sum != checksum(bytes.data(), bytes.size() - 4)) reader.fail("it is cut short or damaged");
  reader.take(magic);
  Content content{reader.number(), reader.number(), {}, {}};
  for (int64_t n = reader.number_below(1 << 24); n > 0; --n) {
    auto [name, tensor] = reader.tensor();
    if (name.rfind(kOptimizer, 0) == 0) content.optimizer[name.substr(sizeof kOptimizer - 1)] = std::move(tensor);
    else content.weights[name] = std::move(tensor);
  }
  return content;
}

void check_weights(const Content& content, const ModelState& model, const std::string& path) {
  for (const BuiltWeight& weight : model.weights) {
    const auto it = content.weights.find(weight.name);
    if (it == content.weights.end())
      throw Error(cat(path, ": is a checkpoint of another model: it has no weight ", quoted(weight.name)), Fault::file);
    if (type_of(it->second) != type_of(weight.variable->value))
      throw Error(cat(path, ": is a checkpoint of another model: ", quoted(weight.name), " is ", type_of(it->second),
                      ", need ", type_of(weight.variable->value)),
                  Fault::file);
  }
}

}  // namespace

void Model::save_checkpoint(const std::string& path) const {
  Writer writer;
  const TrainingState* training = state_->training.get();
  writer.bytes(kMagic, sizeof kMagic - 1);
  writer.number(training ? training->step : 0);
  writer.number(training ? training->epoch : 0);
  writer.number(static_cast<int64_t>(state_->weights.size() + (training ? training->optimizer_state.size() : 0)));
  for (const BuiltWeight& weight : state_->weights) writer.tensor(weight.name, weight.variable->value);
  if (training)
    for (const auto& [name, tensor] : training->optimizer_state) writer.tensor(kOptimizer + name, tensor);
  const uint32_t sum = checksum(writer.text().data(), writer.text().size());
  writer.bytes(&sum, sizeof sum);
  FileWriter file;
  ErrorText error;
  if (!file.open(path.c_str(), &error) || !file.write(writer.text().data(), writer.text().size(), &error) ||
      !file.commit(&error))
    throw Error(error.text, Fault::file);
}

void Model::load_checkpoint(const std::string& path) {
  Content content = read_content(path);
  check_weights(content, *state_, path);
  for (BuiltWeight& weight : state_->weights) weight.variable->value = content.weights.at(weight.name);
  if (!state_->training) return;
  state_->training->step = content.step;
  state_->training->epoch = content.epoch;
  state_->training->optimizer_state = std::move(content.optimizer);
}

}  // namespace cnnc::dsl
