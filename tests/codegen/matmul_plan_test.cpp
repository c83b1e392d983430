// How products of two computed matrices are divided into tiles.
#include <gtest/gtest.h>

#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {
namespace {

// A [m, k] or its transpose times B [k, n] or its transpose.
MatMulSpec product(int64_t m, int64_t n, int64_t k, bool transposed_a, bool transposed_b) {
  MatMulSpec spec;
  spec.m = m;
  spec.n = n;
  spec.k = k;
  spec.a_row_stride = transposed_a ? 1 : k;
  spec.a_column_stride = transposed_a ? m : 1;
  spec.b_row_stride = transposed_b ? 1 : n;
  spec.b_column_stride = transposed_b ? k : 1;
  spec.output_row_stride = n;
  return spec;
}

bool is_transposed(const MatMulSpec& spec) { return plan_matmul(spec, kAvx512).transposed; }

TEST(MatMulPlan, TransposesWhereThatPacksLess) {
  EXPECT_TRUE(is_transposed(product(32, 128, 90, false, true)));
  EXPECT_FALSE(is_transposed(product(128, 32, 90, false, true))) << "B is smaller";
  EXPECT_FALSE(is_transposed(product(20, 128, 90, false, true))) << "rows are left over";
  EXPECT_FALSE(is_transposed(product(32, 128, 90, false, false))) << "B lies the right way";
  EXPECT_FALSE(is_transposed(product(32, 128, 90, true, true))) << "A lies the wrong way";
}

TEST(MatMulPlan, TransposesWhereColumnsLeaveLanesEmpty) {
  EXPECT_TRUE(is_transposed(product(32, 10, 128, false, true)));
  EXPECT_FALSE(is_transposed(product(32, 10, 4, false, true))) << "transposing the result takes longer";
}

TEST(MatMulPlan, ComputesUpdatesBetweenTheMultiplicationsOfTheNextTile) {
  MatMulSpec spec = product(64, 112, 32, true, false);
  EXPECT_FALSE(plan_matmul(spec, kAvx512).pipelined);
  spec.results = 2;
  EXPECT_TRUE(plan_matmul(spec, kAvx512).pipelined);
  EXPECT_FALSE(plan_matmul(spec, kAvx2).pipelined) << "registers are few";
  spec.k = 4;
  EXPECT_FALSE(plan_matmul(spec, kAvx512).pipelined) << "there are fewer multiplications than results";
  spec.k = Size::runtime();
  EXPECT_FALSE(plan_matmul(spec, kAvx512).pipelined);
  spec.k = 4096;
  EXPECT_FALSE(plan_matmul(spec, kAvx512).pipelined) << "results count for little";
}

TEST(MatMulPlan, HasSmallTilesWhereTheirResultsAreDivided) {
  MatMulSpec spec = product(64, 112, 32, true, false);
  const auto sums = [&] {
    const MatMulPlan plan = plan_matmul(spec, kAvx512);
    return plan.width * plan.vectors;
  };
  EXPECT_GT(sums(), 16);
  spec.divisions = 2;
  EXPECT_EQ(sums(), 8);
}

TEST(MatMulPlan, UpdatesFewRowsWhoseLinesShareASet) {
  MatMulSpec spec = product(64, 4096, 32, true, false);
  spec.results = 2;
  const int in_one_set = plan_matmul(spec, kAvx512).width;
  spec = product(64, 4112, 32, true, false);
  spec.results = 2;
  EXPECT_LT(in_one_set, plan_matmul(spec, kAvx512).width);
  spec = product(64, 4096, 8, true, false);
  spec.results = 2;
  EXPECT_EQ(plan_matmul(spec, kAvx512).width, 1) << "there are fewer multiplications than results that could wait for them";
  EXPECT_FALSE(is_transposed(product(32, 64, 4096, false, true))) << "rows of B share sets";
}

}  // namespace
}  // namespace cnnc::codegen
