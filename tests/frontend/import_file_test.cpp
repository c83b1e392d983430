// Files that are no ONNX models, or damaged ones: a message each, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "ir/error.h"
#include "tests/frontend/onnx_text.h"

namespace cnnc {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

TEST(ImportFile, NamesOtherFormats) {
  const std::pair<std::string, const char*> files[] = {
      {"PK\x03\x04 archive/data.pkl"s, "this is a PyTorch model"},
      {"PK\x03\x04 metadata.json"s, "this is a Keras model"},
      {"PK\x03\x04 other"s, "this is a zip archive"},
      {"\x89HDF\r\n\x1a\n..."s, "this is an HDF5 file"},
      {"\x1c\0\0\0TFL3"s, "this is a TensorFlow Lite model"},
      {"\x80\x02}q\0"s, "this is a Python pickle"},
      {"\x1f\x8b\x08"s, "this is a gzip file"},
      {"version https://git-lfs.github.com/spec/v1\n"s, "this is a Git LFS pointer"},
      {" {\"layers\": []}"s, "this is JSON text"},
      {"<?xml version=\"1.0\"?><net>"s, "this is XML text"},
      {"<!DOCTYPE html>"s, "this is an HTML page"},
      {"<ir_version: 10, opset_import: [\"\" : 21]>\ng (float[1] x) => (float[1] y) {}"s,
       "this is a model in ONNX's text form"},
      {"ir_version: 8\ngraph {"s, "this is a model in protobuf's text form"},
      {"graph @main(%x: f32[2]) -> f32[2] {"s, "this is a graph in cnnc's text form"},
      {"\x10\0\0\0\0\0\0\0{\"weight\":1}"s, "this is a safetensors file"},
  };
  for (const auto& [bytes, message] : files)
    EXPECT_THAT(import_error(bytes), HasSubstr(message)) << bytes;
  EXPECT_EQ(import_error(""s), "test.onnx: the file is empty");
  EXPECT_THAT(import_error("Hello, this is no model"s), HasSubstr("not an ONNX model"));
}

TEST(ImportFile, ExplainsFilesThatCannotBeRead) {
  TemporaryFolder folder;
  EXPECT_THAT(import_file_error(folder.path("none.onnx")), HasSubstr("none.onnx: cannot read"));
  EXPECT_THAT(import_file_error(folder.path("none.onnx")), HasSubstr("No such file"));
  std::filesystem::create_directory(folder.path("folder"));
  EXPECT_THAT(import_file_error(folder.path("folder")), HasSubstr("it is a folder"));
  EXPECT_THAT(import_file_error(folder.write("empty.onnx", "")),
              HasSubstr("empty.onnx: the file is empty"));
  try {
    import_onnx_file(folder.path("none.onnx"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file);
  }
}

TEST(ImportFile, LimitsItsSize) {
  ImportOptions options;
  options.limits.file_bytes = 10;
  EXPECT_THAT(
      import_error(onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }"), options),
      HasSubstr("bytes, the limit is 10; save the model with its weights in an external file"));
}

TEST(ImportFile, LimitsNesting) {
  onnx::ModelProto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  onnx::GraphProto* graph = model.mutable_graph();
  for (int i = 0; i < 1000; ++i) {
    onnx::NodeProto* node = graph->add_node();
    node->set_op_type("If");
    onnx::AttributeProto* attribute = node->add_attribute();
    attribute->set_name("then_branch");
    attribute->set_type(onnx::AttributeProto::GRAPH);
    graph = attribute->mutable_g();
  }
  EXPECT_THAT(import_error(model), HasSubstr("nested more than 200 messages deep"));
}

// Has every part that import reads: initializers of both kinds, attributes, a function, names.
std::string rich_model() {
  onnx::ModelProto model = onnx_model_text(R"(
      <ir_version: 10, opset_import: ["" : 17, "local" : 1]>
      g (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}, int64[2] s = {-1, 2}> {
        [product] a = MatMul(x, w)
        [call] b = local.scaled <by = 2.0> (a)
        [shape] c = Reshape(b, s)
        [last] y = Softmax <axis = -1> (c)
      }
      <domain: "local", opset_import: ["" : 17]>
      scaled <by> (v) => (u) { f = Constant <value_float : float = @by> () u = Mul (v, f) })");
  auto& sparse = *model.mutable_graph()->add_sparse_initializer();
  sparse.mutable_values()->set_data_type(onnx::TensorProto::FLOAT);
  sparse.mutable_values()->set_name("sparse");
  sparse.mutable_values()->add_dims(1);
  sparse.mutable_values()->add_float_data(1);
  sparse.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  sparse.mutable_indices()->add_dims(1);
  sparse.mutable_indices()->add_int64_data(1);
  sparse.add_dims(2);
  onnx::NodeProto& add = *model.mutable_graph()->add_node();
  add.set_op_type("Add");
  add.add_input("y");
  add.add_input("sparse");
  add.add_output("z");
  return model.SerializeAsString();
}

TEST(ImportFile, SurvivesTruncationAtEveryByte) {
  const std::string bytes = rich_model();
  ASSERT_EQ(import_error(bytes), "imported");
  // Fields are in order of their numbers: opset_import and functions follow the graph and nothing
  // else does.
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_NE(import_error(bytes.substr(0, length)), "imported")
        << length << " of " << bytes.size();
}

// An Error or a graph that holds; anything else ends the test program.
void import_whatever(const std::string& bytes) {
  try {
    const auto graph = import_onnx_bytes(bytes, "test.onnx");
    verify(*graph);
  } catch (const Error& e) {
    EXPECT_NE(e.fault(), Fault::internal) << e.message();
  }
}

TEST(ImportFile, SurvivesFlippedBits) {
  const std::string bytes = rich_model();
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    std::string damaged = bytes;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips)
      damaged[random() % damaged.size()] ^= static_cast<char>(1u << random() % 8);
    SCOPED_TRACE(round);
    import_whatever(damaged);
  }
}

TEST(ImportFile, SurvivesRandomBytes) {
  const std::string bytes = rich_model();
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = bytes;
    const size_t begin = random() % damaged.size(), count = 1 + random() % 16;
    for (size_t i = begin; i < std::min(begin + count, damaged.size()); ++i)
      damaged[i] = static_cast<char>(random());
    import_whatever(damaged);
    std::string noise(random() % 200, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    import_whatever(noise);
  }
}

}  // namespace
}  // namespace cnnc
