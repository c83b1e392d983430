// TensorBoard's event files: records of a length, an Event message and their checksums.
#include <time.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cnnc/model.h"
#include "ir/error.h"

namespace cnnc::dsl {

// CRC-32C, masked as TFRecord wants it.
static uint32_t masked_crc(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

template <typename T>
static std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

static std::string varint(uint64_t value) {
  std::string text;
  for (; value >= 128; value >>= 7) text += static_cast<char>(value | 128);
  return text + static_cast<char>(value);
}

// A field that holds bytes: a string or a message.
static std::string field(int number, const std::string& bytes) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}

static double wall_time() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Event: wall_time = 1 (double), step = 2 (varint), file_version = 3, summary = 5.
static std::string event(int64_t step, const std::string& rest) {
  return "\x09" + raw(wall_time()) + "\x10" + varint(static_cast<uint64_t>(step)) + rest;
}

// Summary.Value: tag = 1, simple_value = 2 (float).
static std::string scalar(const std::string& tag, double value) {
  return field(5, field(1, field(1, tag) + "\x15" + raw(static_cast<float>(value))));
}

static void append_record(const std::string& path, const std::string& message) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  const std::string length = raw(static_cast<uint64_t>(message.size()));
  file << length << raw(masked_crc(length)) << message << raw(masked_crc(message));
  if (!file.flush()) throw Error(cat("cannot write '", path, "': ", std::strerror(errno)), Fault::file);
}

void TensorBoard::on_train_begin(Model&) { files_.clear(); }

// The file of a run is made when its first value comes.
void TensorBoard::write(const std::string& run, int epoch, const std::string& name, double value) {
  std::string& path = files_[run];
  if (path.empty()) {
    const std::string folder = folder_ + "/" + run;
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    const auto microseconds = static_cast<int64_t>(wall_time() * 1e6);
    path = cat(folder, "/events.out.tfevents.", microseconds / 1000000, ".cnnc.", microseconds % 1000000, ".v2");
    append_record(path, event(0, field(3, "brain.Event:2")));
  }
  append_record(path, event(epoch, scalar("epoch_" + name, value)));
}

void TensorBoard::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  for (const auto& [name, value] : logs) {
    const bool validates = name.rfind("val_", 0) == 0;
    write(validates ? "validation" : "train", epoch, validates ? name.substr(4) : name, value);
  }
  write("train", epoch, "learning_rate", model.learning_rate());
}

}  // namespace cnnc::dsl
