// Every encoding of initializers, and external data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "ir/error.h"
#include "runtime/bit_packing.h"
#include "tests/frontend/onnx_text.h"

namespace cnnc {
namespace {

using ::testing::HasSubstr;
using Proto = onnx::TensorProto;

// A model whose only output is the initializer `w`.
onnx::ModelProto model_of(const Proto& tensor) {
  auto model = onnx_model("g (float[1] x) => (float[1] w) { unused = Relu(x) }");
  Proto& w = *model.mutable_graph()->add_initializer() = tensor;
  w.set_name("w");
  model.mutable_graph()
      ->mutable_output(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->clear_elem_type();
  model.mutable_graph()->mutable_output(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  return model;
}

Proto proto(int dtype, const Shape& shape) {
  Proto tensor;
  tensor.set_data_type(dtype);
  for (int64_t d : shape) tensor.add_dims(d);
  return tensor;
}

Tensor imported(const Proto& tensor) {
  const auto graph = import_model(model_of(tensor));
  return *graph->outputs()[0]->constant();
}

std::string error_of(const Proto& tensor) { return import_error(model_of(tensor)); }

TEST(ImportTensors, ReadsRawDataOfEveryType) {
  for (DType dtype : kAllDTypes) {
    if (dtype == DType::string) continue;  // has none
    Tensor expected(dtype, {2, 2});
    for (int i = 0; i < 4; ++i) expected.set_double(i, i % 2);
    Proto tensor = proto(static_cast<int>(dtype), {2, 2});
    std::string raw(static_cast<size_t>(packed_bytes(dtype, 4)), '\0');
    if (is_packed_in_files(dtype))
      pack_elements(dtype, expected.data<uint8_t>(), 4, reinterpret_cast<uint8_t*>(raw.data()));
    else
      std::memcpy(raw.data(), expected.raw(), raw.size());
    tensor.set_raw_data(raw);
    EXPECT_TRUE(imported(tensor).identical(expected)) << name_of(dtype);
  }
}

TEST(ImportTensors, ReadsTypedFieldsOfEveryType) {
  for (DType dtype : kAllDTypes) {
    if (is_narrow(dtype)) continue;  // entries are bits: see below
    if (is_opaque(dtype)) continue;  // see below
    Proto tensor = proto(static_cast<int>(dtype), {2});
    const std::vector<double> values =
        dtype == DType::boolean ? std::vector<double>{1, 0} : std::vector<double>{3, 1};
    for (double v : values) {
      if (dtype == DType::f32)
        tensor.add_float_data(static_cast<float>(v));
      else if (dtype == DType::f64)
        tensor.add_double_data(v);
      else if (dtype == DType::i64)
        tensor.add_int64_data(static_cast<int64_t>(v));
      else if (dtype == DType::u32 || dtype == DType::u64)
        tensor.add_uint64_data(static_cast<uint64_t>(v));
      else if (dtype == DType::f16)
        tensor.add_int32_data(f32_to_f16(static_cast<float>(v)));
      else if (dtype == DType::bf16)
        tensor.add_int32_data(f32_to_bf16(static_cast<float>(v)));
      else
        tensor.add_int32_data(static_cast<int>(v));
    }
    Tensor expected(dtype, {2});
    for (int i = 0; i < 2; ++i) expected.set_double(i, values[static_cast<size_t>(i)]);
    EXPECT_TRUE(imported(tensor).identical(expected)) << name_of(dtype);
  }
}

Tensor of_entries(int dtype, int64_t count, const std::vector<int>& entries) {
  Proto tensor = proto(dtype, {count});
  for (int entry : entries) tensor.add_int32_data(entry);
  return imported(tensor);
}

TEST(ImportTensors, ReadsTypedFieldsOfNarrowTypes) {
  const Tensor f8 = of_entries(Proto::FLOAT8E4M3FN, 2, {0x38, 0xFF});
  EXPECT_EQ(f8.as_double(0), 1);
  EXPECT_TRUE(std::isnan(f8.as_double(1)));
  const Tensor i4 = of_entries(Proto::INT4, 3, {0xF7, 0x08});
  EXPECT_TRUE(i4.identical(Tensor::of<int8_t>(DType::i4, {3}, {7, -1, -8})));
  const Tensor u4 = of_entries(Proto::UINT4, 2, {0xF7});
  EXPECT_TRUE(u4.identical(Tensor::of<uint8_t>(DType::u4, {2}, {7, 15})));
  const Tensor i2 = of_entries(Proto::INT2, 5, {0b11'10'01'00, 0b11});
  EXPECT_TRUE(i2.identical(Tensor::of<int8_t>(DType::i2, {5}, {0, 1, -2, -1, -1})));
  const Tensor f4 = of_entries(Proto::FLOAT4E2M1, 2, {0x9F});
  EXPECT_EQ(f4.as_double(0), -6);
  EXPECT_EQ(f4.as_double(1), -0.5);
}

TEST(ImportTensors, CountsPackedElements) {
  Proto tensor = proto(Proto::INT4, {3});
  tensor.set_raw_data("123");
  EXPECT_THAT(error_of(tensor), HasSubstr("raw_data has 3 bytes, i4[3] needs 2"));
  tensor.clear_raw_data();
  tensor.add_int32_data(1);
  EXPECT_THAT(error_of(tensor), HasSubstr("int32_data has 1 elements, i4[3] needs 2"));
}

TEST(ImportTensors, NormalisesBools) {
  Proto tensor = proto(Proto::BOOL, {3});
  tensor.set_raw_data(std::string("\x00\x02\xff", 3));
  const Tensor read = imported(tensor);
  EXPECT_EQ(0, std::memcmp(read.raw(), "\x00\x01\x01", 3));
}

TEST(ImportTensors, AcceptsEmptyTensorsAndScalars) {
  EXPECT_EQ(imported(proto(Proto::FLOAT, {0, 3})).shape(), (Shape{0, 3}));
  Proto scalar = proto(Proto::FLOAT, {});
  scalar.add_float_data(2.5);
  EXPECT_EQ(imported(scalar).as_double(0), 2.5);
}

TEST(ImportTensors, ChecksSizes) {
  Proto tensor = proto(Proto::FLOAT, {2});
  EXPECT_EQ(error_of(tensor), "test.onnx: tensor 'w': float_data has 0 elements, f32[2] needs 2");
  tensor.set_raw_data("12345");
  EXPECT_EQ(error_of(tensor), "test.onnx: tensor 'w': raw_data has 5 bytes, f32[2] needs 8");
  tensor.add_float_data(1);
  EXPECT_THAT(error_of(tensor), HasSubstr("has its data twice"));
  tensor.clear_raw_data();
  EXPECT_THAT(error_of(tensor), HasSubstr("float_data has 1 elements, f32[2] needs 2"));
  tensor.add_int64_data(1);
  EXPECT_THAT(error_of(tensor),
              HasSubstr("has data in a field that is not for f32, need float_data or raw_data"));
}

TEST(ImportTensors, ChecksShapes) {
  EXPECT_THAT(error_of(proto(Proto::FLOAT, {-1})), HasSubstr("has the negative size -1"));
  EXPECT_THAT(error_of(proto(Proto::FLOAT, {int64_t{1} << 40, int64_t{1} << 40})),
              HasSubstr("more than 2^63 bytes"));
  EXPECT_THAT(error_of(proto(Proto::FLOAT, {0, int64_t{1} << 62, 8})),
              HasSubstr("more than 2^63 bytes"));
  EXPECT_THAT(error_of(proto(Proto::FLOAT, Shape(100, 1))),
              HasSubstr("has 100 axes, the limit is 64"));
}

TEST(ImportTensors, ReadsComplexNumbersAsPairs) {
  Proto single = proto(Proto::COMPLEX64, {2}), pair = proto(Proto::COMPLEX128, {1});
  for (float v : {1.0f, 2.0f, 3.0f, 4.0f}) single.add_float_data(v);
  for (double v : {0.5, -0.5}) pair.add_double_data(v);
  EXPECT_TRUE(imported(single).identical(
      Tensor::of<float>(DType::f32, {4}, {1, 2, 3, 4}).viewed_as(DType::c64, {2})));
  EXPECT_TRUE(imported(pair).identical(
      Tensor::of<double>(DType::f64, {2}, {0.5, -0.5}).viewed_as(DType::c128, {1})));
}

TEST(ImportTensors, ReadsStringsFromTheirFieldOnly) {
  Proto tensor = proto(Proto::STRING, {2});
  tensor.add_string_data("one");
  tensor.add_string_data("");
  EXPECT_TRUE(imported(tensor).identical(Tensor::strings({2}, {"one", ""})));
  Proto zero = proto(Proto::STRING, {1});
  zero.add_string_data(std::string("a\0b", 3));
  EXPECT_THAT(error_of(zero), HasSubstr("element 0 holds a zero byte"));
  Proto raw = proto(Proto::STRING, {1});
  raw.set_raw_data("12345678");
  EXPECT_THAT(error_of(raw), HasSubstr("string_data and nowhere else"));
}

TEST(ImportTensors, ChecksTypesAndValues) {
  EXPECT_THAT(error_of(proto(Proto::STRING, {1})), HasSubstr("string_data has 0 elements"));
  EXPECT_THAT(error_of(proto(Proto::COMPLEX64, {1})), HasSubstr("float_data has 0 elements, c64[1] needs 2"));
  EXPECT_THAT(error_of(proto(0, {1})), HasSubstr("the element type undefined"));
  Proto tensor = proto(Proto::UINT8, {1});
  tensor.add_int32_data(300);
  EXPECT_THAT(error_of(tensor), HasSubstr("element 0 is 300, which u8 cannot hold"));
}

TEST(ImportTensors, ChecksUsedOnesOnly) {
  auto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  model.mutable_graph()->add_initializer()->set_name("broken");
  EXPECT_EQ(import_error(model), "imported");
}

onnx::ModelProto sparse_model(const std::vector<int64_t>& indices, const Shape& indices_shape,
                              const Shape& dims) {
  auto model = onnx_model("g (float[1] x) => (float[2, 3] w) { unused = Relu(x) }");
  auto& sparse = *model.mutable_graph()->add_sparse_initializer();
  *sparse.mutable_values() = proto(Proto::FLOAT, {2});
  sparse.mutable_values()->set_name("w");
  sparse.mutable_values()->add_float_data(5);
  sparse.mutable_values()->add_float_data(7);
  *sparse.mutable_indices() = proto(Proto::INT64, indices_shape);
  for (int64_t i : indices) sparse.mutable_indices()->add_int64_data(i);
  for (int64_t d : dims) sparse.add_dims(d);
  return model;
}

TEST(ImportTensors, WritesSparseOnesOut) {
  for (const auto& model :
       {sparse_model({1, 5}, {2}, {2, 3}), sparse_model({0, 1, 1, 2}, {2, 2}, {2, 3})}) {
    const auto graph = import_model(model);
    EXPECT_TRUE(graph->outputs()[0]->constant()->identical(
        Tensor::of(DType::f32, {2, 3}, std::vector<float>{0, 5, 0, 0, 0, 7})));
  }
}

TEST(ImportTensors, ChecksSparseOnes) {
  EXPECT_EQ(import_error(sparse_model({1, 6}, {2}, {2, 3})),
            "test.onnx: sparse tensor 'w': index 6 is out of range for 6 elements");
  EXPECT_THAT(import_error(sparse_model({-1, 2}, {2}, {2, 3})),
              HasSubstr("index -1 is out of range"));
  EXPECT_THAT(import_error(sparse_model({0, 3, 1, 2}, {2, 2}, {2, 3})),
              HasSubstr("index 3 is out of range for axis 1 of 3"));
  EXPECT_THAT(import_error(sparse_model({0, 1, 2}, {3}, {2, 3})),
              HasSubstr("need i64[2] or i64[2,2]"));
  EXPECT_THAT(import_error(sparse_model({0, 1}, {2}, {1 << 20, 1 << 20})),
              HasSubstr("bytes written out, and the limit is"));
}

// ---- external data
// ---------------------------------------------------------------------------------------------------

class ExternalData : public ::testing::Test {
 protected:
  // Imports a model with the external tensor f32[2] from the test's folder.
  std::string error_with(const std::string& location, const std::string& offset = "",
                         const std::string& length = "") {
    return import_file_error(write_model(location, offset, length));
  }

  std::string write_model(const std::string& location, const std::string& offset,
                          const std::string& length) {
    Proto tensor = proto(Proto::FLOAT, {2});
    tensor.set_data_location(Proto::EXTERNAL);
    const auto add = [&](const char* key, const std::string& value) {
      if (value.empty()) return;
      tensor.add_external_data()->set_key(key);
      tensor.mutable_external_data()->rbegin()->set_value(value);
    };
    add("location", location);
    add("offset", offset);
    add("length", length);
    add("unknown", "ignored");
    return folder_.write("model.onnx", model_of(tensor).SerializeAsString());
  }

  std::string floats(int count) const {
    std::vector<float> values;
    for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }

  TemporaryFolder folder_;
};

TEST_F(ExternalData, IsReadAtAnyOffset) {
  folder_.write("w.bin", floats(10));
  const auto aligned = import_onnx_file(write_model("w.bin", "8", "8"));
  EXPECT_EQ(aligned->outputs()[0]->constant()->as_double(1), 3);
  folder_.write("w.bin", "x" + floats(10));
  const auto odd = import_onnx_file(write_model("./w.bin", "5", ""));
  EXPECT_EQ(odd->outputs()[0]->constant()->data<float>()[1], 2);
}

TEST_F(ExternalData, MayLieInAFolderBelow) {
  std::filesystem::create_directory(folder_.path("weights"));
  folder_.write("weights/w.bin", floats(2));
  EXPECT_EQ(error_with("weights/w.bin"), "imported");
}

TEST_F(ExternalData, MustBeThere) {
  EXPECT_THAT(
      error_with("w.bin"),
      HasSubstr("model.onnx: tensor 'w': cannot read external data file 'w.bin': No such file"));
  EXPECT_THAT(error_with(""), HasSubstr("no file is named"));
}

TEST_F(ExternalData, MustLieInsideTheFolder) {
  TemporaryFolder outside;
  const std::string secret = outside.write("secret", floats(2));
  EXPECT_THAT(error_with("../secret"), HasSubstr("its name holds '..'"));
  EXPECT_THAT(error_with("a/../../secret"), HasSubstr("its name holds '..'"));
  EXPECT_THAT(error_with(secret), HasSubstr("its name is absolute"));
  EXPECT_THAT(error_with(std::string("w\0.bin", 6)), HasSubstr("holds a NUL"));
  std::filesystem::create_symlink(secret, folder_.path("link"));
  EXPECT_THAT(error_with("link"), HasSubstr("it is a symbolic link"));
  std::filesystem::create_directory_symlink(std::filesystem::path(secret).parent_path(),
                                            folder_.path("linked"));
  EXPECT_THAT(error_with("linked/secret"), HasSubstr("cannot read"));
  std::filesystem::create_hard_link(secret, folder_.path("hard"));
  EXPECT_THAT(error_with("hard"), HasSubstr("it has several names (hard links)"));
}

TEST_F(ExternalData, MustBeARegularFile) {
  std::filesystem::create_directory(folder_.path("dir"));
  EXPECT_THAT(error_with("dir"), HasSubstr("it is a folder"));
  EXPECT_THAT(error_with("."), HasSubstr("it is a folder"));
  ASSERT_EQ(0, mkfifo(folder_.path("pipe").c_str(), 0600));
  EXPECT_THAT(error_with("pipe"), HasSubstr("it is a pipe"));
}

TEST_F(ExternalData, MustHaveAllBytes) {
  folder_.write("w.bin", floats(2));
  EXPECT_THAT(error_with("w.bin", "1"),
              HasSubstr("its external data are bytes 1 to 1 + 8 of 'w.bin', which has 8"));
  EXPECT_THAT(error_with("w.bin", "18446744073709551615"), HasSubstr("which has 8"));
  EXPECT_THAT(error_with("w.bin", "18446744073709551616"), HasSubstr("need a number of bytes"));
  EXPECT_THAT(error_with("w.bin", "-4"), HasSubstr("need a number of bytes"));
  EXPECT_THAT(error_with("w.bin", "0", "4"),
              HasSubstr("its external data have 4 bytes, f32[2] needs 8"));
}

TEST_F(ExternalData, NeedsAFolder) {
  Proto tensor = proto(Proto::FLOAT, {2});
  tensor.set_data_location(Proto::EXTERNAL);
  tensor.add_external_data()->set_key("location");
  tensor.mutable_external_data(0)->set_value("w.bin");
  EXPECT_THAT(error_of(tensor), HasSubstr("this model has no folder"));
}

}  // namespace
}  // namespace cnnc
