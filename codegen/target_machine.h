// The machine that code is generated for.
#pragma once
#include <cstdint>
#include <string>

#include "ir/target.h"

namespace cnnc::codegen {

struct TargetSpec {
  std::string level = "native";  // what the user asked for: native, x86-64-v2, -v3, -v4, with +FEATURE behind it
  std::string cpu;               // LLVM's name
  std::string features;          // LLVM's feature string; empty where the cpu's own are meant
  uint64_t cpu_features = 0;     // bits of runtime/cpu_features.h that the code needs
  int f32_lanes = 4;
  int registers = 16;
  bool fma = false;
  bool masks = false;
};

// Throws Error (Fault::usage) for an unknown level or feature.
TargetSpec target_for(const std::string& level);

// What passes see of it.
class MachineTarget : public Target {
 public:
  explicit MachineTarget(TargetSpec spec) : spec_(std::move(spec)) {}

  std::string name() const override { return spec_.cpu; }
  int f32_lanes() const override { return spec_.f32_lanes; }
  int vector_registers() const override { return spec_.registers; }
  int64_t cache_bytes(int level) const override;
  bool has_feature(std::string_view feature) const override;

 private:
  TargetSpec spec_;
};

}  // namespace cnnc::codegen
