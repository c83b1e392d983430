#include "ir/ops/limits.h"

#include <cmath>

namespace cnnc {

Scalar lowest(DType dtype) {
  if (is_float(dtype)) return Scalar::constant(dtype, -INFINITY);
  if (!is_signed_int(dtype)) return Scalar::constant_int(dtype, 0);
  return Scalar::constant_int(dtype, INT64_MIN >> (64 - 8 * size_of(dtype)));
}

Scalar highest(DType dtype) {
  if (is_float(dtype)) return Scalar::constant(dtype, INFINITY);
  if (dtype == DType::boolean) return Scalar::boolean(true);
  // All bits set, without the sign bit where there is one; constants wrap to their width.
  if (!is_signed_int(dtype)) return Scalar::constant_int(dtype, -1);
  return Scalar::constant_int(dtype, INT64_MAX >> (64 - 8 * size_of(dtype)));
}

}  // namespace cnnc
