#include "codegen/guards.h"

#include <gtest/gtest.h>

#include "ir/dim.h"

namespace cnnc::codegen {
namespace {

const Scalar i = Scalar::index(0);

int64_t value_at(const Scalar& expr, int64_t point) {
  const auto value = evaluate_dims(expr, {point, 0}, [](int, const std::vector<Dim>&) { return std::nullopt; });
  return value.value().value();
}

// Every guard gives the same in its pieces as where it stands.
void expect_same_in_pieces(const Scalar& guard, int64_t extent) {
  const Scalar expr = select(guard, Scalar::i64(1), Scalar::i64(0));
  std::vector<int64_t> cuts = guard_breaks(expr, 0, extent, 64);
  cuts.insert(cuts.begin(), 0);
  cuts.push_back(extent);
  for (size_t k = 0; k + 1 < cuts.size(); ++k) {
    const Scalar piece = within_range(expr, 0, cuts[k], cuts[k + 1]);
    EXPECT_TRUE(piece.is_constant()) << piece.str() << " in [" << cuts[k] << ", " << cuts[k + 1] << ")";
    for (int64_t p = cuts[k]; p < cuts[k + 1]; ++p) EXPECT_EQ(value_at(piece, p), value_at(expr, p)) << "at " << p;
  }
}

TEST(Guards, PiecesDecideComparisonsOfEitherSign) {
  for (int64_t bound = -3; bound <= 12; ++bound) {
    for (int64_t factor : {1, 2, 3}) {
      const Scalar scaled = i * Scalar::i64(factor), b = Scalar::i64(bound);
      expect_same_in_pieces(scaled < b, 10);
      expect_same_in_pieces(scaled <= b, 10);
      expect_same_in_pieces(b < scaled, 10);
      expect_same_in_pieces(b <= scaled, 10);
      expect_same_in_pieces(scaled == b, 10);
    }
  }
}

TEST(Guards, LeavesComparisonsOfOtherLoopsAlone) {
  const Scalar both = i + Scalar::index(1) < Scalar::i64(5);
  EXPECT_TRUE(guard_breaks(both, 0, 10, 64).empty());
  EXPECT_FALSE(within_range(both, 0, 0, 10).is_constant());
}

TEST(Guards, GivesUpOnTooManyPieces) {
  Scalar all = Scalar::boolean(false);
  for (int64_t k = 0; k < 10; ++k) all = all || i == Scalar::i64(2 * k);
  EXPECT_TRUE(guard_breaks(all, 0, 100, 8).empty());
}

}  // namespace
}  // namespace cnnc::codegen
