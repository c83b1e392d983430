// A fixed machine for tests, so that what passes decide does not depend on where the tests run.
#pragma once
#include "ir/target.h"

namespace cnnc {

class FakeTarget : public Target {
 public:
  std::string name() const override { return "fake"; }
  int f32_lanes() const override { return 16; }
  int vector_registers() const override { return 32; }
  int64_t cache_bytes(int level) const override { return level == 1 ? 32 << 10 : level == 2 ? 1 << 20 : 0; }
  bool has_feature(std::string_view feature) const override { return feature == "fma"; }
};

}  // namespace cnnc
