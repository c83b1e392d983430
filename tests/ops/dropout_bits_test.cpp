#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor bits_of(const Ints& sizes, double ratio, int64_t step, int64_t seed = 0, int64_t stream = 0) {
  Graph graph;
  Value* counter = graph.constant(Tensor::scalar(DType::i64, static_cast<double>(step)));
  graph.add_output(graph.make("DropoutBits", {graph.constant(Tensor::ints(sizes)), counter},
                              {{"ratio", ratio}, {"seed", seed}, {"stream", stream}}));
  return interpret(graph, {})[0];
}

// The part of all bits that are set in both; a tensor beside itself gives the part that is kept.
double common(const Tensor& a, const Tensor& b) {
  int64_t set = 0;
  for (int64_t i = 0; i < a.size(); ++i)
    set += std::popcount(static_cast<unsigned>(a.as_int(i)) & static_cast<unsigned>(b.as_int(i)));
  return static_cast<double>(set) / static_cast<double>(8 * a.size());
}

TEST(DropoutBits, KeepAsManyAsAskedAtEveryBit) {
  for (const double ratio : {0.1, 0.5, 0.9}) {
    const Tensor bits = bits_of({64, 2000}, ratio, 3);
    EXPECT_EQ(bits.shape(), (Shape{8, 2000}));
    for (int bit = 0; bit < 8; ++bit) {
      int64_t set = 0;
      for (int64_t i = 0; i < bits.size(); ++i) set += bits.as_int(i) >> bit & 1;
      EXPECT_NEAR(static_cast<double>(set) / 16000, 1 - ratio, 0.02) << "bit " << bit;
    }
  }
}

TEST(DropoutBits, KeepAllOrNoneAtTheEnds) {
  const Tensor all = bits_of({8, 1000}, 0, 1), none = bits_of({8, 1000}, 1, 1);
  EXPECT_EQ(common(all, all), 1);
  EXPECT_EQ(common(none, none), 0);
}

TEST(DropoutBits, AreOthersForOtherStepsSeedsStreamsAndBits) {
  const Tensor bits = bits_of({64, 2000}, 0.5, 3);
  for (const Tensor& other : {bits_of({64, 2000}, 0.5, 4), bits_of({64, 2000}, 0.5, 3, 1), bits_of({64, 2000}, 0.5, 3, 0, 1)})
    EXPECT_NEAR(common(bits, other), 0.25, 0.01);
  Tensor turned(DType::u8, bits.shape());
  for (int distance = 1; distance < 8; ++distance) {
    for (int64_t i = 0; i < bits.size(); ++i)
      turned.set_int(i, std::rotl(static_cast<uint8_t>(bits.as_int(i)), distance));
    EXPECT_NEAR(common(bits, turned), 0.25, 0.01) << distance;
  }
}

TEST(DropoutSelect, SaysWhichBitsFit) {
  Graph graph;
  Value *x = graph.add_input({DType::f32, {12, 3}}), *bits = graph.add_input({DType::u8, {1, 3}});
  EXPECT_THAT([&] { graph.add("DropoutSelect", {x, bits}); }, testing::ThrowsMessage<Error>(HasSubstr("need u8[2,3]")));
}

TEST(DropoutSelect, ReadsTheBitsOfEveryEighthOfTheSamples) {
  Tensor bits(DType::u8, {2, 1});
  bits.set_int(0, 0b10000001);  // samples 0 and 14
  bits.set_int(1, 0b00000010);  // sample 3
  const Tensor y = run_op("DropoutSelect", {counting({16, 1}), bits}, {{"scale", 2.0}})[0];
  EXPECT_THAT(floats_of(y), ElementsAre(2, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 0));
}

}  // namespace
}  // namespace cnnc
