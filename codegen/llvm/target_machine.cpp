#include "codegen/target_machine.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/TargetParser/Host.h>

#include <vector>

#include "ir/error.h"
#include "runtime/cpu_features.h"

namespace cnnc::codegen {

static bool has(uint64_t features, CpuFeature feature) { return (features & cpu_feature_bit(feature)) != 0; }

// Every feature of the table, on or off, so that the code needs exactly what the model's table of needs says.
static std::string feature_string(uint64_t features) {
  std::string text;
  for (uint32_t i = 0; i < static_cast<uint32_t>(CpuFeature::count); ++i) {
    const auto feature = static_cast<CpuFeature>(i);
    if (!text.empty()) text += ",";
    text += has(features, feature) ? "+" : "-";
    text += cpu_feature_name(feature);
  }
  return text;
}

// "x86-64-v3+avxvnni": features besides those of the level, which `name` keeps.
static uint64_t take_features(std::string& name) {
  uint64_t features = 0;
  for (size_t plus; (plus = name.rfind('+')) != std::string::npos; name.resize(plus)) {
    const std::string feature = name.substr(plus + 1);
    const uint64_t bit = cpu_feature_by_name(feature.c_str());
    if (bit == 0)
      throw Error(cat("unknown feature ", quoted(feature), " of a target; LLVM's names are used, such as avx512vnni"),
                  Fault::usage);
    features |= bit;
  }
  return features;
}

TargetSpec target_for(const std::string& name) {
  std::string level = name;
  const uint64_t extra = take_features(level);
  TargetSpec spec;
  spec.level = name;
  if (level == "native") {
    spec.cpu = llvm::sys::getHostCPUName().str();
    spec.cpu_features = host_cpu_features();
  } else {
    spec.cpu = level;
    spec.cpu_features = cpu_level_features(level.c_str());
    if (spec.cpu_features == 0)
      throw Error(cat("unknown target ", quoted(level), "; there are native, x86-64-v2, x86-64-v3 and x86-64-v4, and +FEATURE behind them"),
                  Fault::usage);
  }
  spec.cpu_features |= extra;
  spec.features = feature_string(spec.cpu_features);
  const uint64_t f = spec.cpu_features;
  const bool avx512 = has(f, CpuFeature::avx512f) && has(f, CpuFeature::avx512vl) && has(f, CpuFeature::avx512bw) &&
                      has(f, CpuFeature::avx512dq);
  const bool avx2 = has(f, CpuFeature::avx2) && has(f, CpuFeature::fma);
  spec.f32_lanes = avx512 ? 16 : avx2 ? 8 : 4;
  spec.registers = avx512 ? 32 : 16;
  spec.fma = avx512 || avx2;
  spec.masks = avx512;
  return spec;
}

// Sizes that every CPU of the last ten years has; the host's own are not asked, for the code may run elsewhere.
int64_t MachineTarget::cache_bytes(int level) const {
  static constexpr int64_t kBytes[] = {32 << 10, 256 << 10, 8 << 20};
  return level >= 1 && level <= 3 ? kBytes[level - 1] : 0;
}

bool MachineTarget::has_feature(std::string_view feature) const {
  return (spec_.cpu_features & cpu_feature_by_name(std::string(feature).c_str())) != 0;
}

}  // namespace cnnc::codegen
