// Instruction-set extensions that kernels may need, and whether this CPU (and its kernel) has them.
#ifndef RUNTIME_CPU_FEATURES_H_
#define RUNTIME_CPU_FEATURES_H_

#include <stdint.h>

namespace cnnc {

// Bit positions are part of the binary interface (cnnc_model::cpu_features): append only.
enum class CpuFeature : uint32_t {
  sse3, ssse3, sse4_1, sse4_2, popcnt, avx, f16c, fma, bmi, bmi2, lzcnt, movbe, avx2,
  avx512f, avx512bw, avx512cd, avx512dq, avx512vl, avx512vnni, avx512vbmi, avx512bf16,
  avx512fp16, avxvnni, amx_tile, amx_bf16, amx_int8, fma4, xop,
  count,
};

constexpr uint64_t cpu_feature_bit(CpuFeature feature) {
  return UINT64_C(1) << static_cast<uint32_t>(feature);
}

// What this CPU has and the operating system saves.
uint64_t host_cpu_features();

// LLVM's name of a feature: "avx512bw", "sse4.2", "bmi2".
const char* cpu_feature_name(CpuFeature feature);

// The bit of a feature by LLVM's name, 0 if it is not in the list.
uint64_t cpu_feature_by_name(const char* name);

// The features of "x86-64", "x86-64-v2", "x86-64-v3" or "x86-64-v4"; 0 for another name.
uint64_t cpu_level_features(const char* level);

} // namespace cnnc

#endif // RUNTIME_CPU_FEATURES_H_
