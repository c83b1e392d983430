#include "runtime/output_summary.h"

#include <string.h>

#include "runtime/narrow_float.h"

namespace cnnc {
namespace {

constexpr int64_t kShown = 5;

template <typename T>
double element(const void* data, int64_t index) {
  T value;
  memcpy(&value, static_cast<const char*>(data) + index * static_cast<int64_t>(sizeof value),
         sizeof value);
  return static_cast<double>(value);
}

float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double half_value(uint32_t bits) {
  const uint32_t sign = (bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31) return float_of_bits(sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) return (sign ? -1.0 : 1.0) * fraction / 16777216;
  return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

struct Ranked {
  int64_t index;
  double value;
};

// The largest `kShown` of the first `count` elements, largest first.
int64_t largest(const HostTensor& tensor, int64_t count, Ranked* top) {
  int64_t filled = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double value = element_value(tensor.dtype, tensor.data, i);
    int64_t at = filled;
    while (at > 0 && !(top[at - 1].value >= value)) --at;
    if (at == kShown) continue;
    if (filled < kShown) ++filled;
    memmove(top + at + 1, top + at, static_cast<size_t>(filled - at - 1) * sizeof *top);
    top[at] = {i, value};
  }
  return filled;
}

} // namespace

double element_value(int32_t dtype, const void* data, int64_t i) {
  switch (dtype) {
    case CNNC_FLOAT: return element<float>(data, i);
    case CNNC_DOUBLE: return element<double>(data, i);
    case CNNC_FLOAT16: return half_value(static_cast<uint32_t>(element<uint16_t>(data, i)));
    case CNNC_BFLOAT16:
      return float_of_bits(static_cast<uint32_t>(element<uint16_t>(data, i)) << 16);
    case CNNC_BOOL:
    case CNNC_UINT8: return element<uint8_t>(data, i);
    case CNNC_INT8: return element<int8_t>(data, i);
    case CNNC_UINT16: return element<uint16_t>(data, i);
    case CNNC_INT16: return element<int16_t>(data, i);
    case CNNC_UINT32: return element<uint32_t>(data, i);
    case CNNC_INT32: return element<int32_t>(data, i);
    case CNNC_UINT64: return element<uint64_t>(data, i);
    case CNNC_INT64: return element<int64_t>(data, i);
    case CNNC_UINT4:
    case CNNC_UINT2: return element<uint8_t>(data, i);
    case CNNC_INT4:
    case CNNC_INT2: return element<int8_t>(data, i);
  }
  const auto type = static_cast<DType>(dtype);
  if (is_narrow_float(type)) return narrow_float_value(type, static_cast<const uint8_t*>(data)[i]);
  return __builtin_nan("");
}

void print_summary(FILE* file, const char* name, const HostTensor& tensor) {
  char type[512];
  fprintf(file, "%s: %s", name,
          print_type(tensor.dtype, tensor.rank, tensor.dims, type, sizeof type));
  const int64_t count = element_count(tensor.rank, tensor.dims);
  if (count <= 2 * kShown) {
    for (int64_t i = 0; i < count; ++i) {
      fprintf(file, "%s%g", i ? ", " : " = ", element_value(tensor.dtype, tensor.data, i));
    }
  } else {
    const int64_t row = tensor.dims[tensor.rank - 1];
    Ranked top[kShown];
    const int64_t shown = largest(tensor, row, top);
    fprintf(file, row == count ? ", largest:" : ", largest of the first row:");
    for (int64_t i = 0; i < shown; ++i) {
      fprintf(file, "%s [%lld] %.6g", i ? "," : "", static_cast<long long>(top[i].index),
              top[i].value);
    }
  }
  fprintf(file, "\n");
}

void print_profile(FILE* file, const cnnc_executable* executable) {
  const int32_t count = cnnc_step_count(executable);
  cnnc_step_info step;
  uint64_t total = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (cnnc_step_query(executable, i, &step) == CNNC_OK) total += step.nanoseconds;
  }
  fprintf(file, "%6s %10s %9s  %-18s %s\n", "share", "us/run", "GFLOP/s", "kernel", "nodes");
  for (int32_t i = 0; i < count; ++i) {
    if (cnnc_step_query(executable, i, &step) != CNNC_OK || !step.calls) continue;
    const double ns = static_cast<double>(step.nanoseconds) / static_cast<double>(step.calls);
    fprintf(file, "%5.1f%% %10.1f ", 100.0 * static_cast<double>(step.nanoseconds) /
                                         static_cast<double>(total ? total : 1),
            ns / 1000);
    if (step.flops > 0 && ns > 0) {
      fprintf(file, "%9.1f", static_cast<double>(step.flops) / ns);
    } else {
      fprintf(file, "%9s", "");
    }
    fprintf(file, "  %-18s ", step.kernel);
    for (const char* c = *step.sources ? step.sources : step.name; *c; ++c) {
      fputc(*c == '\n' ? ' ' : static_cast<unsigned char>(*c) < 0x20 ? '?' : *c, file);
    }
    fputc('\n', file);
  }
}

} // namespace cnnc
