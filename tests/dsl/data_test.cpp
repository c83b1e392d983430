// Readers of data sets: what they give, and what they say of files that are wrong.
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "cnnc/cnnc.h"

using namespace cnnc;

namespace {

namespace fs = std::filesystem;

class DataTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("cnnc_data_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }
  void write_gz(const std::string& name, const std::string& bytes) const {
    const gzFile file = gzopen(path(name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
  }
  static std::string fault_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const std::exception& e) {
      return e.what();
    }
    return "";
  }

  fs::path folder_;
};

std::string idx_bytes(char type, const std::vector<int>& shape, const std::string& elements) {
  std::string bytes{'\0', '\0', type, static_cast<char>(shape.size())};
  for (const int size : shape) bytes += std::string{'\0', '\0', '\0', static_cast<char>(size)};
  return bytes + elements;
}

TEST_F(DataTest, ReadsMnistWithAndWithoutGzip) {
  write_gz("train-images-idx3-ubyte.gz", idx_bytes(8, {2, 2, 3}, "abcdefghijkl"));
  write("train-labels-idx1-ubyte", idx_bytes(8, {2}, "\x03\x07"));
  write("t10k-images.idx3-ubyte", idx_bytes(8, {1, 2, 3}, "abcdef"));
  write_gz("t10k-labels-idx1-ubyte.gz", idx_bytes(8, {1}, "\x01"));
  const auto [train, test] = data::mnist(folder_);
  EXPECT_EQ(train.x.type(), "u8[2,1,2,3]");
  EXPECT_EQ(test.x.type(), "u8[1,1,2,3]");
  EXPECT_FLOAT_EQ(static_cast<float>(train.x.at(7)), 'h' / 255.0f);
  EXPECT_EQ(train.y.at(1), 7);
}

TEST_F(DataTest, IdxNumbersAreBigEndian) {
  write("numbers", idx_bytes(0x0C, {2}, std::string("\0\0\0\5\0\0\1\0", 8)));
  const Array numbers = data::idx(path("numbers"));
  EXPECT_EQ(numbers.type(), "i32[2]");
  EXPECT_EQ(numbers.at(1), 256);
}

TEST_F(DataTest, WrongIdxFilesAreFaults) {
  write("short", idx_bytes(8, {2, 2}, "abc"));
  EXPECT_NE(fault_of([&] { data::idx(path("short")); }).find("cut short"), std::string::npos);
  write("long", idx_bytes(8, {2}, "abc"));
  EXPECT_NE(fault_of([&] { data::idx(path("long")); }).find("its header says"), std::string::npos);
  write("other", "PK\3\4 something");
  EXPECT_NE(fault_of([&] { data::idx(path("other")); }).find("not an IDX file"), std::string::npos);
  EXPECT_NE(fault_of([&] { data::idx(path("missing")); }).find("No such file"), std::string::npos);
  EXPECT_NE(fault_of([&] { data::mnist(folder_); }).find("has no train-images"), std::string::npos);
}

TEST_F(DataTest, TruncatedGzipIsAFault) {
  write_gz("whole.gz", idx_bytes(8, {200}, std::string(200, 'x')));
  fs::resize_file(path("whole.gz"), fs::file_size(path("whole.gz")) - 9);
  EXPECT_NE(fault_of([&] { data::idx(path("whole.gz")); }).find("cut short"), std::string::npos);
}

TEST_F(DataTest, ImagesAndLabelsOfDifferentCountAreAFault) {
  write("train-images-idx3-ubyte", idx_bytes(8, {2, 1, 1}, "ab"));
  write("train-labels-idx1-ubyte", idx_bytes(8, {1}, "\1"));
  EXPECT_NE(fault_of([&] { data::mnist(folder_); }).find("2 images"), std::string::npos);
}

TEST_F(DataTest, ReadsCifar) {
  write("data_batch_1.bin", std::string(1, '\3') + std::string(3072, 'r') + std::string(1, '\4') + std::string(3072, 's'));
  write("data_batch_2.bin", std::string(1, '\5') + std::string(3072, 't'));
  write("test_batch.bin", std::string(1, '\6') + std::string(3072, 'u'));
  const auto [train, test] = data::cifar10(folder_);
  EXPECT_EQ(train.x.type(), "u8[3,3,32,32]");
  EXPECT_EQ(train.y.at(2), 5);
  EXPECT_FLOAT_EQ(static_cast<float>(test.x.at(0)), 'u' / 255.0f);
  write("train.bin", std::string("\2\x63") + std::string(3072, 'r'));
  write("test.bin", std::string("\3\x11") + std::string(3072, 'r'));
  EXPECT_EQ(data::cifar100(folder_).train.y.at(0), 99);
  EXPECT_EQ(data::cifar100(folder_, true).train.y.at(0), 2);
}

TEST_F(DataTest, WrongCifarFilesAreFaults) {
  write("data_batch_1.bin", std::string(3000, '\1'));
  write("test_batch.bin", std::string(3073, '\1'));
  EXPECT_NE(fault_of([&] { data::cifar10(folder_); }).find("no whole number of records"), std::string::npos);
  write("data_batch_1.bin", std::string(3073, '\x20'));
  EXPECT_NE(fault_of([&] { data::cifar10(folder_); }).find("has label 32"), std::string::npos);
}

TEST_F(DataTest, ReadsCsv) {
  write("table.csv", "a,b,class\n1, 2.5,0\n-3,4e2,1\r\n\n");
  const Dataset table = data::csv(path("table.csv"), {.header = true, .label_columns = {-1}});
  EXPECT_EQ(table.x.type(), "f32[2,2]");
  EXPECT_EQ(table.x.at(3), 400);
  EXPECT_EQ(table.y.type(), "f32[2]");
  EXPECT_EQ(table.y.at(1), 1);
}

TEST_F(DataTest, WrongCsvNamesLineAndColumn) {
  write("ragged.csv", "1,2\n3\n");
  EXPECT_NE(fault_of([&] { data::csv(path("ragged.csv")); }).find("ragged.csv:2: has 1 columns"), std::string::npos);
  write("words.csv", "1,2\n3,x\n");
  EXPECT_NE(fault_of([&] { data::csv(path("words.csv")); }).find("words.csv:2, column 2: 'x'"), std::string::npos);
  write("empty.csv", "");
  EXPECT_NE(fault_of([&] { data::csv(path("empty.csv")); }).find("no lines of numbers"), std::string::npos);
}

TEST_F(DataTest, NpyRoundTrip) {
  const Array array({2, 2}, std::vector<int64_t>{1, -2, 3, 4});
  array.save(path("a.npy"));
  const Array again = Array::load(path("a.npy"));
  EXPECT_EQ(again.type(), "i64[2,2]");
  EXPECT_EQ(again.at(1), -2);
  write("bad.npy", "nonsense");
  EXPECT_NE(fault_of([&] { Array::load(path("bad.npy")); }).find("bad.npy"), std::string::npos);
}

TEST_F(DataTest, ReadsNpz) {
  const std::string script = "import numpy as np; np.savez('" + path("plain.npz") +
                             "', x=np.arange(6).reshape(2, 3), y=np.float32([1, 2])); np.savez_compressed('" +
                             path("small.npz") + "', z=np.zeros((50, 50), np.uint8))";
  if (std::system((CNNC_PYTHON " -c \"" + script + "\" 2> /dev/null").c_str()) != 0) GTEST_SKIP() << "needs numpy";
  EXPECT_EQ(data::npz(path("plain.npz"), "x").type(), "i64[2,3]");
  EXPECT_EQ(data::npz(path("plain.npz"), "y").at(1), 2);
  EXPECT_EQ(data::npz(path("small.npz"), "z").type(), "u8[50,50]");
  EXPECT_NE(fault_of([&] { data::npz(path("plain.npz"), "q"); }).find("it has x, y"), std::string::npos);
  fs::resize_file(path("plain.npz"), fs::file_size(path("plain.npz")) - 30);
  EXPECT_NE(fault_of([&] { data::npz(path("plain.npz"), "x"); }).find("not a .npz archive"), std::string::npos);
}

}  // namespace
