#include "runtime/training/sample_weights.h"

#include "runtime/host_tensor.h"
#include "runtime/output_summary.h"

namespace cnnc {

static int64_t class_of(const cnnc_tensor_view& labels, int64_t sample) {
  const int64_t size = element_count(labels.rank - 1, labels.dims + 1), first = sample * size;
  const auto label = [&](int64_t k) { return element_value(labels.dtype, labels.data, first + k); };
  if (size == 1) return static_cast<int64_t>(label(0));
  int64_t best = 0;
  for (int64_t k = 1; k < size; ++k) {
    if (label(k) > label(best)) best = k;
  }
  return best;
}

bool weigh_by_class(const cnnc_tensor_view& labels, const ClassWeight& of_class, float* weights) {
  bool found = false;
  for (int64_t i = 0; i < labels.dims[0]; ++i) {
    if (class_of(labels, i) != of_class.label) continue;
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) * of_class.weight);
    found = true;
  }
  return found;
}

} // namespace cnnc
