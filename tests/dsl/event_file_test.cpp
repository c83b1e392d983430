// TensorBoard's event files: every record has the length and the checksums that its reader demands.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "cnnc/cnnc.h"
#include "tests/dsl/folder_test.h"

using namespace cnnc;

namespace {

// CRC-32C, bit by bit, as TensorFlow masks it.
uint32_t masked_crc(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <typename T>
T number_at(const std::string& text, size_t at) {
  T value{};
  if (at + sizeof value <= text.size()) std::memcpy(&value, text.data() + at, sizeof value);
  return value;
}

// The messages of a file whose checksums are right.
std::vector<std::string> records(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> messages;
  for (size_t at = 0; at < text.size();) {
    const auto length = static_cast<size_t>(number_at<uint64_t>(text, at));
    EXPECT_EQ(number_at<uint32_t>(text, at + 8), masked_crc(text.substr(at, 8)));
    if (at + 16 + length > text.size()) return ADD_FAILURE() << "record at " << at << " is cut short", messages;
    messages.push_back(text.substr(at + 12, length));
    EXPECT_EQ(number_at<uint32_t>(text, at + 12 + length), masked_crc(messages.back()));
    at += 16 + length;
  }
  return messages;
}

class EventFiles : public FolderTest {};

TEST_F(EventFiles, HaveTheChecksumsThatTensorBoardDemands) {
  EXPECT_EQ(masked_crc("123456789"), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
  Sequential model({Input({2}), Dense(1)});
  model.compile(SGD{}, MeanSquaredError{}, {MeanAbsoluteErrorMetric{}});
  FitOptions options{.epochs = 2, .validation_split = 0.5, .verbose = Verbose::silent};
  options.callbacks = {TensorBoard(folder_)};
  model.fit(Array::zeros<float>({8, 2}), Array::zeros<float>({8, 1}), options);
  // The version, then two values of each epoch; training has the learning rate too.
  for (const auto& [run, count] : {std::pair("train", 7u), std::pair("validation", 5u)}) {
    const std::vector<std::string> messages = records(*std::filesystem::directory_iterator(folder_ / run));
    ASSERT_EQ(messages.size(), count) << run;
    EXPECT_NE(messages[0].find("brain.Event:2"), std::string::npos);
    EXPECT_NE(messages[1].find("epoch_"), std::string::npos) << "tag as Keras writes it";
  }
}

}  // namespace
