#include "ir/affine.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

const Scalar kRow = Scalar::index(0), kColumn = Scalar::index(1), kTap = Scalar::index(2);
const Scalar kLooked = Scalar::load(0, DType::i64, {kRow});

TEST(PartlyAffine, IsAllOfAnAffineExpression) {
  const PartlyAffine parts = partly_affine(kRow * Scalar::i64(8) + kColumn - Scalar::i64(3));
  EXPECT_TRUE(parts.elsewhere.empty());
  EXPECT_EQ(parts.affine.coefficient(0), Dim(8));
  EXPECT_EQ(parts.affine.coefficient(1), Dim(1));
  EXPECT_EQ(parts.affine.constant, Dim(-3));
}

TEST(PartlyAffine, LeavesWhatIsLookedUp) {
  const PartlyAffine parts = partly_affine((kLooked + kTap) * Scalar::i64(8) + kColumn);
  EXPECT_EQ(parts.elsewhere, std::set<int>{0});
  EXPECT_EQ(parts.affine.coefficient(1), Dim(1));
  EXPECT_EQ(parts.affine.coefficient(2), Dim(8));
}

TEST(PartlyAffine, KnowsLoopsThatAreInBothParts) {
  const PartlyAffine parts = partly_affine(kColumn - max(kColumn, kTap));
  EXPECT_EQ(parts.elsewhere, (std::set<int>{1, 2}));
  EXPECT_EQ(parts.affine.coefficient(1), Dim(1));
}

TEST(PartlyAffine, LeavesProductsOfLoops) {
  EXPECT_EQ(partly_affine(kRow * kColumn).elsewhere, (std::set<int>{0, 1}));
  EXPECT_EQ(partly_affine(-(kLooked * Scalar::size(Dim::symbol("n")))).elsewhere, std::set<int>{0});
}

}  // namespace
}  // namespace cnnc
