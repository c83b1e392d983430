// What cannot be said in a short text: graphs of many nodes.
#include <gtest/gtest.h>

#include "ir/op_def.h"
#include "passes/passes.h"
#include "tests/support/fake_target.h"

namespace cnnc {
namespace {

// y = product * -(exp(product) + chain): the last factor waits for the product, however much else it waits for.
TEST(FuseEpilogues, OrdersUsersThatWaitForEachOther) {
  Graph g;
  Value* x = g.add_input({DType::f32, {4, 3}}, "x");
  Value* chain = g.add_input({DType::f32, {4, 5}}, "c");
  Value* product = g.make("MatMul", {x, g.add_input({DType::f32, {3, 5}}, "w")});
  for (int i = 0; i < 300; ++i) chain = g.make("Tanh", {chain});
  Value* sum = g.make("Add", {g.make("Exp", {product}), chain});
  g.add_output(g.make("Mul", {product, g.make("Neg", {sum})}));
  const FakeTarget target;
  fuse_epilogues().run(g, target);
  verify(g);
  EXPECT_EQ(g.outputs()[0]->producer()->op_name(), "Fused");
}

}  // namespace
}  // namespace cnnc
