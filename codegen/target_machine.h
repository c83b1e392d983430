// The machine that code is generated for.
#pragma once
#include <cstdint>
#include <string>

namespace cnnc::codegen {

struct TargetSpec {
  std::string level = "native";  // what the user asked for: native, x86-64-v2, -v3, -v4
  std::string cpu;               // LLVM's name
  std::string features;          // LLVM's feature string; empty where the cpu's own are meant
  uint64_t cpu_features = 0;     // bits of runtime/cpu_features.h that the code needs
  int f32_lanes = 4;
  int registers = 16;
  bool fma = false;
  bool masks = false;
};

// Throws Error (Fault::usage) for an unknown level.
TargetSpec target_for(const std::string& level);

}  // namespace cnnc::codegen
