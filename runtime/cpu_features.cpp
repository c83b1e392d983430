#include "runtime/cpu_features.h"

#include <cpuid.h>
#include <string.h>

namespace cnnc {
namespace {

enum Register : uint8_t { eax, ebx, ecx, edx };

// State components that the operating system must save (XCR0).
constexpr uint32_t kNoState = 0, kYmm = 0x6, kZmm = 0xe6, kTiles = 0x60000;

struct Feature {
  const char* name;
  uint32_t leaf, subleaf;
  Register reg;
  uint8_t bit;
  uint32_t state;
};

// In the order of CpuFeature.
constexpr Feature kFeatures[] = {
    {"sse3", 1, 0, ecx, 0, kNoState},      {"ssse3", 1, 0, ecx, 9, kNoState},
    {"sse4.1", 1, 0, ecx, 19, kNoState},   {"sse4.2", 1, 0, ecx, 20, kNoState},
    {"popcnt", 1, 0, ecx, 23, kNoState},   {"avx", 1, 0, ecx, 28, kYmm},
    {"f16c", 1, 0, ecx, 29, kYmm},         {"fma", 1, 0, ecx, 12, kYmm},
    {"bmi", 7, 0, ebx, 3, kNoState},       {"bmi2", 7, 0, ebx, 8, kNoState},
    {"lzcnt", 0x80000001, 0, ecx, 5, kNoState}, {"movbe", 1, 0, ecx, 22, kNoState},
    {"avx2", 7, 0, ebx, 5, kYmm},          {"avx512f", 7, 0, ebx, 16, kZmm},
    {"avx512bw", 7, 0, ebx, 30, kZmm},     {"avx512cd", 7, 0, ebx, 28, kZmm},
    {"avx512dq", 7, 0, ebx, 17, kZmm},     {"avx512vl", 7, 0, ebx, 31, kZmm},
    {"avx512vnni", 7, 0, ecx, 11, kZmm},   {"avx512vbmi", 7, 0, ecx, 1, kZmm},
    {"avx512bf16", 7, 1, eax, 5, kZmm},    {"avx512fp16", 7, 0, edx, 23, kZmm},
    {"avxvnni", 7, 1, eax, 4, kYmm},       {"amx-tile", 7, 0, edx, 24, kTiles},
    {"amx-bf16", 7, 0, edx, 22, kTiles},   {"amx-int8", 7, 0, edx, 25, kTiles},
    {"fma4", 0x80000001, 0, ecx, 16, kYmm}, {"xop", 0x80000001, 0, ecx, 11, kYmm},
};
constexpr uint32_t kFeatureCount = static_cast<uint32_t>(CpuFeature::count);
static_assert(sizeof kFeatures / sizeof *kFeatures == kFeatureCount);

uint32_t saved_state() {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool has(const Feature& feature, uint32_t state) {
  uint32_t regs[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &regs[eax], &regs[ebx], &regs[ecx],
                         &regs[edx])) {
    return false;
  }
  return (regs[feature.reg] >> feature.bit & 1) && (state & feature.state) == feature.state;
}

constexpr uint64_t bits_up_to(CpuFeature last) { return cpu_feature_bit(last) * 2 - 1; }

} // namespace

uint64_t host_cpu_features() {
  const uint32_t state = saved_state();
  uint64_t bits = 0;
  for (uint32_t i = 0; i < kFeatureCount; ++i) {
    if (has(kFeatures[i], state)) bits |= UINT64_C(1) << i;
  }
  return bits;
}

const char* cpu_feature_name(CpuFeature feature) {
  const auto index = static_cast<uint32_t>(feature);
  return index < kFeatureCount ? kFeatures[index].name : "unknown feature";
}

uint64_t cpu_feature_by_name(const char* name) {
  for (uint32_t i = 0; i < kFeatureCount; ++i) {
    if (!strcmp(kFeatures[i].name, name)) return UINT64_C(1) << i;
  }
  return 0;
}

uint64_t cpu_level_features(const char* level) {
  if (!strcmp(level, "x86-64-v2")) return bits_up_to(CpuFeature::popcnt);
  if (!strcmp(level, "x86-64-v3")) return bits_up_to(CpuFeature::avx2);
  if (!strcmp(level, "x86-64-v4")) return bits_up_to(CpuFeature::avx512vl);
  return 0;
}

} // namespace cnnc
