#include "runtime/tensor_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/bit_packing.h"
#include "runtime/file_bytes.h"
#include "runtime/npy.h"

namespace cnnc {
namespace {

using Parse = bool (*)(const uint8_t*, size_t, HostTensor*, ErrorText*);

// Parses from memory of exactly this size, so that a sanitizer sees every read beyond it.
bool parse(Parse function, const std::string& bytes, HostTensor* out, ErrorText* error) {
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  return function(exact.data(), exact.size(), out, error);
}

std::string parse_error(Parse function, const std::string& bytes) {
  HostTensor tensor;
  ErrorText error;
  EXPECT_FALSE(parse(function, bytes, &tensor, &error));
  return error.text;
}

void check_damaged(Parse function, const std::string& good) {
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(parse_error(function, good.substr(0, size)), "") << "size " << size;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) { // no crash, whatever it says
      std::string bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ 1 << bit);
      HostTensor tensor;
      ErrorText error;
      parse(function, bytes, &tensor, &error);
    }
  }
}

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + data;
}

template <typename T>
std::string bytes_of(std::vector<T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(Npy, ReadsAllVersions) {
  for (char version : {1, 2, 3}) {
    HostTensor tensor;
    ErrorText error;
    const auto file = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n",
                          bytes_of<float>({1, 2}), version);
    ASSERT_TRUE(parse(parse_npy, file, &tensor, &error)) << error.text;
    EXPECT_EQ(tensor.rank, 2);
    EXPECT_EQ(static_cast<float*>(tensor.data)[1], 2);
    check_damaged(parse_npy, file);
  }
}

TEST(Npy, ConvertsFortranOrder) {
  HostTensor tensor;
  ErrorText error;
  ASSERT_TRUE(parse(parse_npy,
                    npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3)}\n",
                        bytes_of<int>({0, 3, 1, 4, 2, 5})),
                    &tensor, &error));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(static_cast<int*>(tensor.data)[i], i);
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  HostTensor tensor;
  ErrorText error;
  EXPECT_TRUE(parse(parse_npy, npy("{'descr':'|b1','fortran_order':False,'shape':()}", "\1"),
                    &tensor, &error));
  EXPECT_EQ(tensor.rank, 0);
  EXPECT_TRUE(parse(parse_npy, npy("{'descr':'<f8','fortran_order':True,'shape':(0,4)}", ""),
                    &tensor, &error));
  EXPECT_EQ(tensor.bytes, 0u);
}

TEST(Npy, SaysWhatIsWrong) {
  EXPECT_EQ(parse_error(parse_npy, "PK"), "it is not a .npy file");
  EXPECT_NE(parse_error(parse_npy, npy("{'descr': '>f4', 'shape': (1,)}", "")).find("'>f4'"),
            std::string::npos);
  EXPECT_EQ(parse_error(parse_npy,
                        npy("{'descr':'<f4','fortran_order':False,'shape':(3,)}", "1234")),
            "the .npy data has 4 bytes, its shape needs 12");
  EXPECT_EQ(parse_error(parse_npy, npy("{'descr':'<f4','fortran_order':False,'shape':"
                                       "(4611686018427387904,8)}",
                                       "")),
            "the .npy data has 0 bytes, its shape needs -1");
}

std::string field(int number, int wire) { return {static_cast<char>(number << 3 | wire)}; }

std::string packed(int number, const std::string& bytes) {
  return field(number, 2) + static_cast<char>(bytes.size()) + bytes;
}

// dims [2], data type, then the data field.
std::string proto(int dtype, const std::string& data) {
  return field(1, 0) + "\2" + field(2, 0) + static_cast<char>(dtype) + data;
}

TEST(TensorProto, ReadsRawAndTypedData) {
  const std::string minus_one = std::string(9, '\xff') + '\1';
  const std::vector<std::pair<std::string, std::string>> cases = {
      {proto(CNNC_FLOAT, packed(9, bytes_of<float>({1, 2}))), bytes_of<float>({1, 2})},
      {proto(CNNC_FLOAT, packed(4, bytes_of<float>({1, 2}))), bytes_of<float>({1, 2})},
      {proto(CNNC_FLOAT, field(4, 5) + bytes_of<float>({1}) + field(4, 5) + bytes_of<float>({2})),
       bytes_of<float>({1, 2})},
      {proto(CNNC_DOUBLE, packed(10, bytes_of<double>({1, 2}))), bytes_of<double>({1, 2})},
      {proto(CNNC_INT64, packed(7, "\5" + minus_one)), bytes_of<int64_t>({5, -1})},
      {proto(CNNC_INT64, field(7, 0) + "\5" + field(7, 0) + minus_one),
       bytes_of<int64_t>({5, -1})},
      {proto(CNNC_INT8, packed(5, "\5" + minus_one)), bytes_of<int8_t>({5, -1})},
      {proto(CNNC_FLOAT16, packed(5, std::string("\x80\x78\1", 3))), bytes_of<uint16_t>({0x3c00, 1})},
      {proto(CNNC_UINT32, packed(11, "\1\2")), bytes_of<uint32_t>({1, 2})},
      {proto(CNNC_INT4, packed(5, "\x2f")), "\xff\2"},
      {proto(CNNC_INT4, packed(9, "\x2f")), "\xff\2"},
      {proto(CNNC_UINT4, packed(9, "\x2f")), "\xf\2"},
      {proto(CNNC_INT2, packed(9, "\x0b")), "\xff\xfe"},
      {proto(CNNC_FLOAT8E5M2, packed(5, "\1\2")), "\1\2"},
      {proto(CNNC_COMPLEX64, packed(4, bytes_of<float>({1, 2, 3, 4}))),
       bytes_of<float>({1, 2, 3, 4})},
  };
  for (const auto& [file, expected] : cases) {
    HostTensor tensor;
    ErrorText error;
    ASSERT_TRUE(parse(parse_tensor_proto, file, &tensor, &error)) << error.text;
    EXPECT_EQ(std::string(static_cast<char*>(tensor.data), tensor.bytes), expected)
        << cnnc_dtype_name(tensor.dtype);
    check_damaged(parse_tensor_proto, file);
  }
}

TEST(TensorProto, ReadsStrings) {
  const std::string file = proto(CNNC_STRING, packed(6, "one") + packed(6, ""));
  HostTensor tensor;
  ErrorText error;
  ASSERT_TRUE(parse(parse_tensor_proto, file, &tensor, &error)) << error.text;
  EXPECT_STREQ(tensor.strings()[0], "one");
  EXPECT_STREQ(tensor.strings()[1], "");
  check_damaged(parse_tensor_proto, file);
}

TEST(Npy, ReadsTextsInBothOrders) {
  const std::string data = bytes_of<uint32_t>({'a', 'b', 0xe9, 0, 0, 0, 0x1f600, 0});
  for (const char* order : {"False", "True"}) {
    const auto file = npy(std::string("{'descr': '<U2', 'fortran_order': ") + order + ", 'shape': (2, 2)}\n", data);
    HostTensor tensor;
    ErrorText error;
    ASSERT_TRUE(parse(parse_npy, file, &tensor, &error)) << error.text;
    const bool fortran = *order == 'T';
    EXPECT_STREQ(tensor.strings()[0], "ab");
    EXPECT_STREQ(tensor.strings()[fortran ? 2 : 1], "\xc3\xa9");
    EXPECT_STREQ(tensor.strings()[fortran ? 1 : 2], "");
    EXPECT_STREQ(tensor.strings()[3], "\xf0\x9f\x98\x80");
    check_damaged(parse_npy, file);
  }
  EXPECT_NE(parse_error(parse_npy, npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}\n",
                                       bytes_of<uint32_t>({0xd800})))
                .find("which is none"),
            std::string::npos);
}

TEST(TensorProto, SaysWhatIsWrong) {
  EXPECT_EQ(parse_error(parse_tensor_proto, proto(CNNC_FLOAT, packed(9, "1234"))),
            "the tensor has 4 bytes of raw data, its shape needs 8");
  EXPECT_NE(parse_error(parse_tensor_proto, proto(CNNC_FLOAT, packed(7, "\1\2"))).find("another type"),
            std::string::npos);
  EXPECT_NE(parse_error(parse_tensor_proto, proto(99, "")).find("element type 99"),
            std::string::npos);
  EXPECT_NE(parse_error(parse_tensor_proto, proto(CNNC_STRING, packed(9, "12"))).find("string_data"),
            std::string::npos);
  const std::string zero = packed(6, std::string("a\0b", 3));
  EXPECT_NE(parse_error(parse_tensor_proto, proto(CNNC_STRING, zero + zero)).find("zero byte"),
            std::string::npos);
  EXPECT_NE(parse_error(parse_tensor_proto, proto(1, field(14, 0) + "\1")).find("another file"),
            std::string::npos);
  const std::string huge = field(1, 0) + std::string(8, '\xff') + "\x3f";
  const std::string large = field(1, 0) + std::string(5, '\xff') + "\x1"; // not allocated
  EXPECT_NE(parse_error(parse_tensor_proto, huge + huge + field(2, 0) + "\1").find("overflows"),
            std::string::npos);
  EXPECT_NE(parse_error(parse_tensor_proto, large + field(2, 0) + "\2").find("number of elements"),
            std::string::npos);
}

class TensorFileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(directory_), nullptr); }
  void TearDown() override { ASSERT_EQ(system(("rm -r " + path("")).c_str()), 0); }
  std::string path(const std::string& name) { return std::string(directory_) + "/" + name; }

  char directory_[64] = "/tmp/cnnc_tensor_file_XXXXXX";
  ErrorText error_;
};

TEST_F(TensorFileTest, WhatIsWrittenReadsBack) {
  for (const char* name : {"t.npy", "t.pb", "t.bin"}) {
    HostTensor out, in;
    out.dtype = CNNC_INT32, out.rank = 2, out.dims[0] = 200, out.dims[1] = 3;
    ASSERT_TRUE(out.allocate(&error_));
    for (int i = 0; i < 600; ++i) static_cast<int*>(out.data)[i] = i * i;
    ASSERT_TRUE(save_tensor(path(name).c_str(), "t", out, &error_)) << error_.text;
    in.dtype = CNNC_INT32, in.rank = 2, in.dims[0] = 200, in.dims[1] = 3;
    ASSERT_TRUE(load_tensor(path(name).c_str(), &in, &error_)) << error_.text;
    EXPECT_EQ(in.dims[0], 200);
    EXPECT_EQ(memcmp(in.data, out.data, 2400), 0) << name;
  }
}

TEST_F(TensorFileTest, StringsAndComplexNumbersReadBack) {
  const char* texts[] = {"", "a", "\xc3\xa9\xf0\x9f\x98\x80", "longer than the others"};
  const double numbers[] = {1, -2, 0.5, 3};
  for (const char* name : {"t.npy", "t.pb"}) {
    HostTensor out, in, complex_out, complex_in;
    out.dtype = CNNC_STRING, out.rank = 2, out.dims[0] = out.dims[1] = 2;
    complex_out.dtype = CNNC_COMPLEX128, complex_out.rank = 1, complex_out.dims[0] = 2;
    ASSERT_TRUE(out.allocate(&error_) && complex_out.allocate(&error_));
    for (int i = 0; i < 4; ++i) out.strings()[i] = texts[i];
    memcpy(complex_out.data, numbers, sizeof numbers);
    ASSERT_TRUE(save_tensor(path(name).c_str(), "t", out, &error_)) << error_.text;
    ASSERT_TRUE(load_tensor(path(name).c_str(), &in, &error_)) << error_.text;
    for (int i = 0; i < 4; ++i) EXPECT_STREQ(in.strings()[i], texts[i]) << name;
    ASSERT_TRUE(save_tensor(path(name).c_str(), "t", complex_out, &error_)) << error_.text;
    ASSERT_TRUE(load_tensor(path(name).c_str(), &complex_in, &error_)) << error_.text;
    EXPECT_EQ(complex_in.dtype, CNNC_COMPLEX128);
    EXPECT_EQ(memcmp(complex_in.data, numbers, sizeof numbers), 0) << name;
    EXPECT_FALSE(save_tensor(path("t.bin").c_str(), "t", out, &error_));
    EXPECT_NE(std::string(error_.text).find("no raw form"), std::string::npos);
  }
}

// A .npy file of a narrow type does not say which: the reader must know.
TEST_F(TensorFileTest, NarrowTypesReadBack) {
  for (int32_t dtype : {CNNC_INT4, CNNC_UINT2, CNNC_FLOAT4E2M1, CNNC_FLOAT8E4M3FN}) {
    for (const char* name : {"t.npy", "t.pb", "t.bin"}) {
      HostTensor out, in;
      out.dtype = dtype, out.rank = 2, out.dims[0] = 1667, out.dims[1] = 3; // more than one chunk
      ASSERT_TRUE(out.allocate(&error_));
      auto* bytes = static_cast<uint8_t*>(out.data);
      for (int i = 0; i < 5001; ++i) {
        bytes[i] = element_byte(static_cast<DType>(dtype), static_cast<uint8_t>(i % 251));
      }
      ASSERT_TRUE(save_tensor(path(name).c_str(), "t", out, &error_)) << error_.text;
      in.dtype = dtype, in.rank = 2, in.dims[0] = 1667, in.dims[1] = 3;
      ASSERT_TRUE(load_tensor(path(name).c_str(), &in, &error_)) << error_.text;
      EXPECT_EQ(in.dtype, dtype);
      EXPECT_EQ(in.bytes, 5001u);
      EXPECT_EQ(memcmp(in.data, out.data, 5001), 0) << name << " " << cnnc_dtype_name(dtype);
    }
  }
  HostTensor unknown;
  ASSERT_FALSE(load_tensor(path("t.npy").c_str(), &unknown, &error_));
  EXPECT_NE(std::string(error_.text).find("does not say which type"), std::string::npos);
}

TEST_F(TensorFileTest, ReadsElementsWhereTheyLie) {
  HostTensor out;
  out.dtype = CNNC_INT32, out.rank = 2, out.dims[0] = 200, out.dims[1] = 3;
  ASSERT_TRUE(out.allocate(&error_));
  for (int i = 0; i < 600; ++i) static_cast<int*>(out.data)[i] = i * i;
  ASSERT_TRUE(save_tensor(path("t.npy").c_str(), "t", out, &error_)) << error_.text;
  NpyFile file;
  ASSERT_TRUE(file.open(path("t.npy").c_str()));
  EXPECT_EQ(file.type().dtype, CNNC_INT32);
  EXPECT_EQ(file.type().rank, 2);
  EXPECT_EQ(file.type().dims[0], 200);
  EXPECT_EQ(file.bytes(), 2400u);
  int row[3];
  ASSERT_TRUE(file.read(199 * sizeof row, sizeof row, row, &error_)) << error_.text;
  EXPECT_EQ(row[2], 599 * 599);
  ASSERT_EQ(truncate(path("t.npy").c_str(), 2000), 0);
  EXPECT_FALSE(file.read(199 * sizeof row, sizeof row, row, &error_));
  EXPECT_EQ(error_.text, "cannot read '" + path("t.npy") + "': it is shorter than it was");
}

// These need a conversion, or are no such files: load_tensor's work.
TEST_F(TensorFileTest, OpensNoFileWhoseElementsLieOtherwise) {
  const auto opens = [&](const std::string& content) {
    std::ofstream(path("t.npy"), std::ios::binary) << content;
    return NpyFile().open(path("t.npy").c_str());
  };
  const auto npy = [](const std::string& type, const char* fortran, size_t bytes) {
    std::string header = "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': (2, 2), }";
    header.resize(117, ' ');
    return std::string("\x93NUMPY\x01\x00", 8) + char(118) + char(0) + header + "\n" + std::string(bytes, 'a');
  };
  EXPECT_TRUE(opens(npy("<f4", "False", 16)));
  EXPECT_FALSE(opens(npy("<f4", "False", 15)));
  EXPECT_FALSE(opens(npy("<f4", "True", 16)));
  EXPECT_FALSE(opens(npy(">f4", "False", 16)));
  EXPECT_FALSE(opens(npy("<U1", "False", 16)));
  EXPECT_FALSE(opens(npy("|V1", "False", 4)));
  EXPECT_FALSE(opens("no numbers"));
  EXPECT_FALSE(opens(""));
  EXPECT_FALSE(NpyFile().open(directory_));
  EXPECT_FALSE(NpyFile().open(path("none.npy").c_str()));
}

TEST_F(TensorFileTest, NamesTheFileThatCannotBeRead) {
  HostTensor tensor;
  EXPECT_FALSE(load_tensor(path("none.npy").c_str(), &tensor, &error_));
  EXPECT_EQ(error_.text, "cannot read '" + path("none.npy") + "': No such file or directory");
  EXPECT_FALSE(load_tensor(directory_, &tensor, &error_));
  EXPECT_NE(std::string(error_.text).find("not a regular file"), std::string::npos);
  ASSERT_EQ(mkfifo(path("fifo.pb").c_str(), 0600), 0);
  EXPECT_FALSE(load_tensor(path("fifo.pb").c_str(), &tensor, &error_)); // does not hang
}

TEST_F(TensorFileTest, NothingIsLeftWithoutACommit) {
  {
    FileWriter file;
    ASSERT_TRUE(file.open(path("t").c_str(), &error_));
    ASSERT_TRUE(file.write("abc", 3, &error_));
  }
  EXPECT_EQ(rmdir(directory_), 0); // it is empty
  ASSERT_EQ(mkdir(directory_, 0700), 0);
}

TEST_F(TensorFileTest, DevicesStayWhatTheyAre) {
  FileWriter file;
  ASSERT_TRUE(file.open("/dev/full", &error_));
  const std::string bytes(1 << 16, 'x'); // more than a stream holds back
  EXPECT_FALSE(file.write(bytes.data(), bytes.size(), &error_) && file.commit(&error_));
  EXPECT_NE(std::string(error_.text).find("No space left"), std::string::npos);
  struct stat info;
  ASSERT_EQ(stat("/dev/full", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

TEST_F(TensorFileTest, AFolderThatIsMissingIsAnError) {
  HostTensor tensor;
  tensor.dtype = CNNC_UINT8, tensor.rank = 1, tensor.dims[0] = 1 << 20;
  ASSERT_TRUE(tensor.allocate(&error_));
  EXPECT_FALSE(save_tensor("/proc/none/t.pb", "t", tensor, &error_));
  EXPECT_NE(std::string(error_.text).find("cannot write"), std::string::npos);
}

} // namespace
} // namespace cnnc
