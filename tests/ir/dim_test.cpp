#include "ir/dim.h"

#include <gtest/gtest.h>

#include <random>

#include "ir/error.h"

namespace cnnc {
namespace {

const Dim n = Dim::symbol("n"), m = Dim::symbol("m");

TEST(Dim, EqualSumsAreEqual) {
  EXPECT_EQ(n + m, m + n);
  EXPECT_EQ((n + 1) * 2, n * 2 + 2);
  EXPECT_EQ((n + m) * (n - m), n * n - m * m);
  EXPECT_EQ(n - n, 0);
  EXPECT_FALSE(n == m);
}

TEST(Dim, DivisionTakesOutWhatDivides) {
  EXPECT_EQ(Dim::floor_div(n * 4 + 7, 4), n + 1);
  EXPECT_EQ(Dim::floor_div(n * m * 6, m * 2), n * 3);
  EXPECT_EQ(Dim::floor_div(Dim(-7), 2), -4);
  EXPECT_EQ(Dim::ceil_div(n * 2 + 1, 2), n + 1);
  EXPECT_EQ(Dim::mod(n * 4 + 3, 4), 3);
  EXPECT_THROW(Dim::floor_div(n, 0), Error);
}

TEST(Dim, MaximumAndMinimumKnowThatSizesAreNotNegative) {
  EXPECT_EQ(Dim::max(n, 0), n);
  EXPECT_EQ(Dim::min(n + 2, 1), 1);
  EXPECT_EQ(Dim::max(n, Dim::min(n, 512)), n);
  EXPECT_EQ(Dim::min(Dim::max(n, 8), n), n);
  EXPECT_EQ(Dim::max(Dim::max(n, Dim::min(n, 512)), n), n);
  EXPECT_FALSE(Dim::max(n, 1).is_const());
}

TEST(Dim, BoundsHoldForEverySymbol) {
  EXPECT_EQ((n * 3 + 2).lower_bound(), 2);
  EXPECT_EQ((n * 3 + 2).upper_bound(), std::nullopt);
  EXPECT_EQ((Dim(5) - n).upper_bound(), 5);
  EXPECT_EQ(Dim::min(n, 7).upper_bound(), 7);
}

TEST(Dim, BroadcastsAsNumpyDoes) {
  EXPECT_EQ(broadcast(1, n), n);
  EXPECT_EQ(broadcast(n, n), n);
  EXPECT_EQ(broadcast(3, 3), Dim(3));
  EXPECT_EQ(broadcast(3, 4), std::nullopt);
  EXPECT_EQ(broadcast(n, 4), Dim(4));
}

TEST(Dim, OverflowIsAnError) {
  EXPECT_THROW(Dim(INT64_MAX) + Dim(1), Error);
  EXPECT_THROW(Dim(INT64_MAX) * Dim(2), Error);
  EXPECT_THROW((n * 2).evaluate({{"n", INT64_MAX}}), Error);
}

TEST(Dim, MissingSymbolsAreAnErrorThatNamesTheSize) {
  try {
    (n * 2).evaluate({});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("n*2"), std::string::npos) << e.message();
  }
}

TEST(Dim, SpellingParsesBack) {
  const Dim odd = Dim::symbol("batch size?"), word = Dim::symbol("max");
  for (const Dim& d : {Dim(0), Dim(-3), n, n * 2 - 1, Dim(5) - n, n * m + m * 7, odd * 2, word + 1,
                       Dim::floor_div(n + 1, 2) * m, Dim::max(n, m) - Dim::min(n, 3)})
    EXPECT_EQ(Dim::parse(d.str()), d) << d.str();
}

TEST(Dim, BadSpellingIsAnError) {
  for (const char* text : {"", "n +", "3 *", "(n", "max(n)", "floordiv(n, 0)", "n m", "\"n", "99999999999999999999"})
    EXPECT_THROW(Dim::parse(text), Error) << text;
}

// Random expressions keep their value through the normal form, through text and through substitution.
TEST(Dim, ArithmeticKeepsValues) {
  std::mt19937 random(7);
  const std::map<std::string, int64_t> values = {{"n", 5}, {"m", 3}};
  for (int round = 0; round < 500; ++round) {
    Dim d = n;
    int64_t v = 5;
    for (int step = 0; step < 6; ++step) {
      const bool symbol = random() % 2;
      const int64_t k = static_cast<int64_t>(random() % 4) + 1;
      const Dim other = symbol ? m * k : Dim(k);
      const int64_t w = symbol ? 3 * k : k;
      switch (random() % 5) {
        case 0: d = d + other, v += w; break;
        case 1: d = d * k, v *= k; break;
        case 2: d = Dim::floor_div(d, k), v /= k; break;
        case 3: d = Dim::max(d, other), v = std::max(v, w); break;
        default: d = Dim::min(d, other), v = std::min(v, w); break;
      }
    }
    EXPECT_EQ(d.evaluate(values), v) << d;
    EXPECT_EQ(Dim::parse(d.str()).evaluate(values), v) << d;
  }
}

}  // namespace
}  // namespace cnnc
