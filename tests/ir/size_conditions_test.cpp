#include "ir/size_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"

namespace cnnc {
namespace {

using testing::HasSubstr;

class SizeConditions : public testing::Test {
 protected:
  Value* input(const Dim& first, int64_t second) { return graph_.add_input({DType::f32, {first, second}}); }

  std::string of(const Value* value) {
    std::string texts;
    for (const SizeCondition& c : size_conditions(*value->producer())) texts += c.text + "\n";
    return texts;
  }

  Graph graph_;
  const Dim n_ = Dim::symbol("n"), m_ = Dim::symbol("m");
};

TEST_F(SizeConditions, NoneWhereSizesAreEqual) {
  Value* x = input(n_, 4);
  EXPECT_EQ(of(graph_.make("Add", {x, input(n_, 1)})), "");
  EXPECT_EQ(of(graph_.make("Concat", {x, input(n_, 3)}, {{"axis", 1}})), "");
}

TEST_F(SizeConditions, WhatBroadcastsIsOneOrEqual) {
  EXPECT_THAT(of(graph_.make("Add", {input(n_, 4), input(3, 4)})), HasSubstr("n is 1 or 3"));
}

TEST_F(SizeConditions, ConcatJoinsEqualSizes) {
  EXPECT_THAT(of(graph_.make("Concat", {input(n_, 4), input(m_, 4)}, {{"axis", -1}})), HasSubstr("n = m"));
}

TEST_F(SizeConditions, ViewsKeepTheNumberOfElements) {
  const Value* squeezed = graph_.make("Squeeze", {input(n_, 4), graph_.constant(Tensor::ints({0}))});
  EXPECT_THAT(of(squeezed), HasSubstr("n*4 = 4"));
}

TEST_F(SizeConditions, TheInterpreterAsks) {
  graph_.add_output(graph_.make("Concat", {input(n_, 4), input(m_, 4)}, {{"axis", 1}}));
  const Tensor two(DType::f32, {2, 4}), three(DType::f32, {3, 4});
  EXPECT_EQ(interpret(graph_, {two, two})[0].shape(), (Shape{2, 8}));
  EXPECT_THROW(interpret(graph_, {two, three}), Error);
}

}  // namespace
}  // namespace cnnc
