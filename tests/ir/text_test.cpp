#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "ir/error.h"
#include "ir/graph.h"
#include "runtime/bit_packing.h"
#include "tests/support/test_ops.h"

namespace cnnc {
namespace {

const PrintOptions kAll{.max_elements = -1};

class Text : public testing::Test {
 protected:
  Text() { declare_test_ops(); }

  static void expect_round_trip(const std::string& text, const PrintOptions& options = {}) {
    const auto graph = parse_graph(text);
    verify(*graph);
    EXPECT_EQ(print(*graph, options), text);
  }
  static std::string error_of(const std::string& text) {
    try {
      parse_graph(text);
    } catch (const Error& e) {
      EXPECT_EQ(e.fault(), Fault::model) << e.what();
      return e.what();
    }
    return "no error";
  }
};

TEST_F(Text, RoundTripOfEveryForm) {
  expect_round_trip(R"(graph @main(%x: f32[batch,3], %"odd \"name\n": f32[batch*2 + 1,max(batch, "a,b]")], %0: i64[2] = [batch,4]) -> f32[batch,3], f32[batch], i64[batch] {
  %1 = TestAdd(%x, %x) : f32[batch,3] loc("a","b/c")
  %values, %2 = TestArgMax(%1) : f32[batch], i64[batch]
  %3 = TestAttributes(%x, _) {dtype = bf16, integer = -9223372036854775808, integers = [1,-2], "odd name" = 3, real = 1.0, reals = [0.5,-inf,nan,1e+300], text = "a\\b\x01", texts = ["","é"]} : f32[batch,3]
  %4 = TestAttributes(%3) {integers = ints[], real = nan:7ff8000000000001, reals = floats[], texts = strings[]} : f32[batch,3]
  return %4 as "result", %values, %2 as "with \"quotes\""
}
)");
}

TEST_F(Text, RoundTripOfTensors) {
  expect_round_trip(R"(graph @t() -> f32[2,2], f16[3], u64[2], bool[2], i8[], f64[0,3], bf16[2], f64[2] {
  %0 = Constant() {value = f32[2,2] {1.0, -0.0, nan, nan:7fc00001}} : f32[2,2]
  %1 = Constant() {value = f16[3] {0.099975586, 65504.0, nan:fe01}} : f16[3]
  %2 = Constant() {value = u64[2] {18446744073709551615, 0}} : u64[2]
  %3 = Constant() {value = bool[2] {true, false}} : bool[2]
  %4 = Constant() {value = i8[] {-128}} : i8[]
  %5 = Constant() {value = f64[0,3] {}} : f64[0,3]
  %6 = Constant() {value = bf16[2] {nan, inf}} : bf16[2]
  %7 = Constant() {value = f64[2] {5e-324, 0.1}} : f64[2]
  return %0, %1, %2, %3, %4, %5, %6, %7
}
)");
}

TEST_F(Text, KeepsEveryElementOfNarrowTypes) {
  for (DType dtype : kAllDTypes) {
    if (!is_narrow(dtype)) continue;
    Tensor all(dtype, {1 << bits_of(dtype)});
    for (int i = 0; i < all.size(); ++i)
      all.mutable_data<uint8_t>()[i] = element_byte(dtype, static_cast<uint8_t>(i));
    Graph graph;
    graph.add_output(graph.constant(all));
    const auto parsed = parse_graph(print(graph, kAll));
    EXPECT_TRUE(parsed->outputs()[0]->constant()->identical(all)) << name_of(dtype);
  }
}

TEST_F(Text, KeepsComplexNumbersAndStrings) {
  expect_round_trip(R"(graph @main() -> c64[2], c128[], string[2] {
  %0 = Constant() {value = c64[2] {1.0, -0.5, nan:7fc00001, inf}} : c64[2]
  %1 = Constant() {value = c128[] {0.1, 5e-324}} : c128[]
  %2 = Constant() {value = string[2] {"a \"b\"\n\\", ""}} : string[2]
  return %0, %1, %2
}
)");
  EXPECT_THROW(parse_graph("graph @g() -> string[1] { %0 = Constant() {value = string[1] {\"\\x00\"}} : string[1] return %0 }"),
               Error);
}

TEST_F(Text, KeepsTheConditionsOfAGraph) {
  expect_round_trip(R"(graph @main(%x: f32[n,m]) -> f32[n,m] {
  require [m*-1 + n] "node 'concat' (Concat): n = m"
  %0 = Relu(%x) : f32[n,m]
  return %0
}
)");
}

TEST_F(Text, KeepsEveryBitOfHalfPrecision) {
  for (DType dtype : {DType::f16, DType::bf16}) {
    Tensor all(dtype, {65536});
    for (int i = 0; i < 65536; ++i) all.mutable_data<uint16_t>()[i] = static_cast<uint16_t>(i);
    Graph graph;
    graph.add_output(graph.constant(all));
    const auto copy = parse_graph(print(graph, kAll));
    EXPECT_TRUE(copy->outputs()[0]->constant()->identical(all));
  }
}

TEST_F(Text, ElidesBigTensorsButKeepsTheirHash) {
  Tensor big(DType::f32, {5, 7});
  for (int i = 0; i < 35; ++i) big.set_double(i, i * 0.5);
  Graph graph;
  graph.add_output(graph.constant(big));
  const std::string text = print(graph);
  EXPECT_THAT(text, testing::HasSubstr("f32[5,7] @"));
  const auto copy = parse_graph(text);
  EXPECT_EQ(print(*copy), text);
  EXPECT_TRUE(copy->outputs()[0]->constant()->identical(big));
  big.set_double(3, 9);
  EXPECT_FALSE(copy->outputs()[0]->constant()->identical(big));
  EXPECT_THROW(interpret(*copy, {}), Error);
}

TEST_F(Text, NamesAreUniqueWhateverTheyAre) {
  Graph graph("odd graph");
  Value* a = graph.add_input({DType::f32, {1}}, "x");
  Value* b = graph.add_input({DType::f32, {1}}, "x");
  Value* c = graph.add_input({DType::f32, {1}}, "x.1");
  Value* d = graph.add_input({DType::f32, {1}}, "0");
  Value* e = graph.add_input({DType::f32, {1}});
  Value* f = graph.add_input({DType::f32, {1}}, "_");
  for (Value* v : {a, b, c, d, e, f}) graph.add_output(graph.make("TestNeg", {v}));
  const std::string text = print(graph);
  EXPECT_THAT(text, testing::HasSubstr(R"(@"odd graph"(%x: f32[1], %x.1: f32[1], %x.1.1: f32[1], %"0": f32[1], %0: f32[1], %_: f32[1]))"));
  expect_round_trip(text);
}

TEST_F(Text, RegionsMayUseValuesOfTheEnclosingGraph) {
  const std::string text = R"(graph @main(%x: f32[2], %y: f32[2]) -> f32[2] {
  %0 = Fused(%x) {body = graph @body(%1: f32[2]) -> f32[2] {
    %2 = TestAdd(%1, %y) : f32[2]
    %3 = TestNeg(%2) : f32[2]
    return %3
  }} : f32[2]
  return %0
}
)";
  expect_round_trip(text);
  const auto graph = parse_graph(text);
  const auto copy = graph->clone();
  verify(*copy);
  EXPECT_EQ(print(*copy), text);
  const Tensor x = Tensor::of<float>(DType::f32, {2}, {1, 2}), y = Tensor::of<float>(DType::f32, {2}, {10, 20});
  EXPECT_EQ(interpret(*copy, {x, y})[0].as_double(1), -22);
}

TEST_F(Text, SpacesAndCommentsAreFree) {
  const auto graph = parse_graph("// a comment\ngraph@m(%x:f32[2])->f32[2]{%7=TestNeg(%x):f32[2]// done\n return%7}\n// end");
  EXPECT_EQ(print(*graph), "graph @m(%x: f32[2]) -> f32[2] {\n  %0 = TestNeg(%x) : f32[2]\n  return %0\n}\n");
}

TEST_F(Text, ErrorsTellLineAndColumn) {
  EXPECT_EQ(error_of("graph @g(%x: f32[2]) -> f32[3] {\n  %0 = TestNeg(%x) : f32[3]\n  return %0\n}\n"),
            "line 2, column 22: output 0 of TestNeg is f32[2], the text says f32[3]");
  EXPECT_EQ(error_of("graph @g() -> () {\n  %0 = Nothing() : f32[]\n"), "line 2, column 8: there is no such operator");
  EXPECT_EQ(error_of("graph @g() -> () {\n  %0 = TestNeg(%a) : f32[]\n"),
            "line 2, column 16: this value is not defined before its use");
  EXPECT_EQ(error_of("graph @g(%x: f32[2]) -> () {\n  %0 = TestNeg(%x, %x) : f32[2]\n return\n}"),
            "line 2, column 3: node TestNeg: has 2 inputs, takes at most 1");
}

TEST_F(Text, HostileTextIsRefused) {
  const std::string node = "graph @g(%x: f32[2]) -> () {\n  %0 = TestAttributes(%x) {";
  for (const char* attribute :
       {"integer = 99999999999999999999", "real = 1e999", "integers = [1,2.0]", "tensor = f32[2] {1.0}", "tensor = f32[-1] {}",
        "tensor = i8[1] {128}", "tensor = f32[n] {}", "integer = 1, integer = 2", "region = graph", "text = \"a",
        "text = \"\\q\"", "integers = [", "integer = ", "tensor = bool[1] {2}", "tensor = f32[1] @123", "nothing = 1",
        "tensor = u64[1] {-1}", "dtype = f31"})
    EXPECT_THAT(error_of(node + attribute + "} : f32[2]\n  return\n}"), testing::StartsWith("line 2, column")) << attribute;
  EXPECT_THROW(parse_graph(node + "tensor = f32[1000000000,1000000000,1000000000] @0123456789abcdef}"), Error);
  std::string deep = "graph @g() -> () { ";
  for (int i = 0; i < 1000; ++i) deep += "%0 = Fused() {body = graph @g() -> () { ";
  EXPECT_THAT(error_of(deep), testing::HasSubstr("nested too deeply"));
  for (const char* text : {"", "graph", "graph @", "graph @g(", "graph @g(%x: f32[", "graph @g() -> f32[2] { return }",
                           "graph @g() -> () { return } x", "\xff\xfe", "graph @g(%x: f32[((((((((((2]) -> () {return}"})
    EXPECT_THAT(error_of(text), testing::StartsWith("line ")) << text;
}

TEST_F(Text, SizesThatExplodeAreRefused) {
  std::string size = "(a + b + c + d)";
  for (int i = 0; i < 200; ++i) size += "*(a + b + c + d)";
  EXPECT_THROW(parse_graph("graph @g(%x: f32[" + size + "]) -> () { return }"), Error);
}

TEST_F(Text, EveryTruncationIsAnError) {
  const std::string text = R"(graph @main(%x: f32[batch,3]) -> f32[batch] {
  %v, %1 = TestArgMax(%x) : f32[batch], i64[batch] loc("a")
  %2 = TestAttributes(%v) {reals = [0.5,nan], tensor = f32[2] {1.0, 2.0}, text = "a\\b"} : f32[batch]
  return %2 as "r"
})";
  for (size_t length = 0; length < text.size(); ++length) EXPECT_THROW(parse_graph(text.substr(0, length)), Error);
  EXPECT_NO_THROW(parse_graph(text));
}

}  // namespace
}  // namespace cnnc
