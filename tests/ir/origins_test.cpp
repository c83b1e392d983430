#include "ir/origins.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

TEST(Origins, AreASortedSet) {
  Origins origins{"relu", "conv", "relu"};
  origins.join({"add"});
  origins.join({"conv"});
  origins.join({});
  EXPECT_EQ(origins.names(), (Strings{"add", "conv", "relu"}));
  EXPECT_EQ(origins.first(), "add");
  EXPECT_TRUE(origins.contains("conv"));
  EXPECT_FALSE(origins.contains("con"));
  EXPECT_TRUE(Origins().empty());
  EXPECT_TRUE(Origins().names().empty());
}

TEST(Origins, JoinedSetsDoNotChangeTheirParts) {
  Strings many;
  for (int i = 0; i < 100; ++i) many.push_back("b" + std::to_string(i));
  const Origins part(many);
  Origins whole = part;
  whole.join({"a"});
  Origins twice = whole;
  twice.join(part);
  EXPECT_EQ(part.names().size(), 100u);
  EXPECT_EQ(whole.names().size(), 101u);
  EXPECT_EQ(twice.names(), whole.names());
  EXPECT_EQ(whole.first(), "a");
  EXPECT_EQ(part.first(), "b0");
}

// A million joins neither copy a million names each, nor does the end of the set take a stack frame for each.
TEST(Origins, GrowByAMillionNames) {
  Origins origins;
  for (int i = 0; i < 1000000; ++i) {
    Origins next = origins;
    next.join({std::to_string(i)});
    origins = next;
  }
  EXPECT_EQ(origins.names().size(), 1000000u);
}

}  // namespace
}  // namespace cnnc
