// Readers of data sets: what they give, and what they say of files that are wrong.
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/folder_test.h"

using namespace cnnc;

namespace {

namespace fs = std::filesystem;

class DataTest : public FolderTest {
 protected:
  void write_gz(const std::string& name, const std::string& bytes) const {
    const gzFile file = gzopen(path(name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
  }
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

TEST_F(DataTest, ReadsEmnistUpright) {
  write_gz("emnist-letters-train-images-idx3-ubyte.gz", idx_bytes(8, {1, 2, 3}, "abcdef"));
  write_gz("emnist-letters-train-labels-idx1-ubyte.gz", idx_bytes(8, {1}, "\x1a"));
  write("emnist-letters-test-images-idx3-ubyte", idx_bytes(8, {1, 1, 1}, "x"));
  write("emnist-letters-test-labels-idx1-ubyte", idx_bytes(8, {1}, "\x01"));
  const auto [train, test] = data::emnist(folder_, "letters");
  EXPECT_EQ(train.x.type(), "u8[1,1,3,2]");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(train.x.data<uint8_t>()), 6), "adbecf");
  EXPECT_FLOAT_EQ(static_cast<float>(train.x.at(1)), 'd' / 255.0f);
  EXPECT_EQ(train.y.at(0), 26);
  EXPECT_EQ(test.y.at(0), 1);
  expect_fault([&] { data::emnist(folder_, "digits"); }, {"has no emnist-digits-train-images"});
}

TEST_F(DataTest, IdxNumbersAreBigEndian) {
  write("numbers", idx_bytes(0x0C, {2}, std::string("\0\0\0\5\0\0\1\0", 8)));
  const Array numbers = data::idx(path("numbers"));
  EXPECT_EQ(numbers.type(), "i32[2]");
  EXPECT_EQ(numbers.at(1), 256);
}

TEST_F(DataTest, WrongIdxFilesAreFaults) {
  write("short", idx_bytes(8, {2, 2}, "abc"));
  expect_fault([&] { data::idx(path("short")); }, {"cut short"});
  write("long", idx_bytes(8, {2}, "abc"));
  expect_fault([&] { data::idx(path("long")); }, {"its header says"});
  write("other", "PK\3\4 something");
  expect_fault([&] { data::idx(path("other")); }, {"not an IDX file"});
  expect_fault([&] { data::idx(path("missing")); }, {"No such file"});
  expect_fault([&] { data::mnist(folder_); }, {"has no train-images"});
}

TEST_F(DataTest, TruncatedGzipIsAFault) {
  write_gz("whole.gz", idx_bytes(8, {200}, std::string(200, 'x')));
  fs::resize_file(path("whole.gz"), fs::file_size(path("whole.gz")) - 9);
  expect_fault([&] { data::idx(path("whole.gz")); }, {"cut short"});
}

TEST_F(DataTest, ImagesAndLabelsOfDifferentCountAreAFault) {
  write("train-images-idx3-ubyte", idx_bytes(8, {2, 1, 1}, "ab"));
  write("train-labels-idx1-ubyte", idx_bytes(8, {1}, "\1"));
  expect_fault([&] { data::mnist(folder_); }, {"2 images"});
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
  expect_fault([&] { data::cifar10(folder_); }, {"no whole number of records"});
  write("data_batch_1.bin", std::string(3073, '\x20'));
  expect_fault([&] { data::cifar10(folder_); }, {"has label 32"});
}

TEST_F(DataTest, ReadsCsv) {
  write("table.csv", "a,b,class\n1, 2.5,0\n-3,4e2,1\r\n\n");
  const Dataset table = data::csv(path("table.csv"), {.header = true, .label_columns = {-1}});
  EXPECT_EQ(table.x.type(), "f32[2,2]");
  EXPECT_EQ(table.x.at(3), 400);
  EXPECT_EQ(table.y.type(), "f32[2]");
  EXPECT_EQ(table.y.at(1), 1);
}

TEST_F(DataTest, ReadsCsvWithQuotesAndAByteOrderMark) {
  write("quoted.csv", "\xef\xbb\xbf\"1\", \"-2\" ,+3\n");
  const Array x = data::csv(path("quoted.csv")).x;
  ASSERT_EQ(x.type(), "f32[1,3]");
  EXPECT_EQ(x.at(0), 1);
  EXPECT_EQ(x.at(1), -2);
  EXPECT_EQ(x.at(2), 3);
}

TEST_F(DataTest, WrongCsvNamesLineAndColumn) {
  write("ragged.csv", "1,2\n3\n");
  expect_fault([&] { data::csv(path("ragged.csv")); }, {"ragged.csv:2: has 1 columns"});
  write("words.csv", "1,2\n3,x\n");
  expect_fault([&] { data::csv(path("words.csv")); }, {"words.csv:2, column 2: 'x'"});
  write("names.csv", "a,b\n3,4\n");
  expect_fault([&] { data::csv(path("names.csv")); }, {"names.csv:1, column 1: 'a'", "header = true"});
  write("semicolons.csv", "1;2\n");
  expect_fault([&] { data::csv(path("semicolons.csv")); }, {"'1;2' is no number", "the separator is ','"});
  write("gap.csv", "1,2\n,4\n");
  expect_fault([&] { data::csv(path("gap.csv")); }, {"gap.csv:2, column 1: is empty"});
  write("empty.csv", "");
  expect_fault([&] { data::csv(path("empty.csv")); }, {"no lines of numbers"});
}

TEST_F(DataTest, NpyRoundTrip) {
  const Array array({2, 2}, std::vector<int64_t>{1, -2, 3, 4});
  array.save(path("a.npy"));
  const Array again = Array::load(path("a.npy"));
  EXPECT_EQ(again.type(), "i64[2,2]");
  EXPECT_EQ(again.at(1), -2);
  write("bad.npy", "nonsense");
  expect_fault([&] { Array::load(path("bad.npy")); }, {"bad.npy"});
}

TEST_F(DataTest, ReadsNpz) {
  const std::string script = "import numpy as np; np.savez('" + path("plain.npz") +
                             "', x=np.arange(6).reshape(2, 3), y=np.float32([1, 2])); np.savez_compressed('" +
                             path("small.npz") + "', z=np.zeros((50, 50), np.uint8)); np.savez('" + path("types.npz") +
                             "', u=np.uint16([1, 60000]), h=np.float16([1, 0.5]), s=np.array(['a']), c=np.complex64([1])," +
                             "f=np.asfortranarray(np.arange(6.0).reshape(2, 3)))";
  if (std::system((CNNC_PYTHON " -c \"" + script + "\" 2> /dev/null").c_str()) != 0) GTEST_SKIP() << "needs numpy";
  EXPECT_EQ(data::npz(path("plain.npz"), "x").type(), "i64[2,3]");
  EXPECT_EQ(data::npz(path("plain.npz"), "y").at(1), 2);
  EXPECT_EQ(data::npz(path("small.npz"), "z").type(), "u8[50,50]");
  expect_fault([&] { data::npz(path("plain.npz"), "q"); }, {"it has x, y"});
  EXPECT_EQ(data::npz(path("types.npz"), "u").type(), "i32[2]");
  EXPECT_EQ(data::npz(path("types.npz"), "u").at(1), 60000);
  EXPECT_EQ(data::npz(path("types.npz"), "h").type(), "f32[2]");
  EXPECT_EQ(data::npz(path("types.npz"), "h").at(1), 0.5);
  const Array columns_first = data::npz(path("types.npz"), "f");
  EXPECT_EQ(columns_first.type(), "f64[2,3]");
  EXPECT_EQ(columns_first.at(1), 1);
  expect_fault([&] { data::npz(path("types.npz"), "s"); }, {"types.npz: array 's'", "type string", "need numbers"});
  expect_fault([&] { data::npz(path("types.npz"), "c"); }, {"type c64"});
  fs::resize_file(path("plain.npz"), fs::file_size(path("plain.npz")) - 30);
  expect_fault([&] { data::npz(path("plain.npz"), "x"); }, {"not a .npz archive"});
}

}  // namespace
