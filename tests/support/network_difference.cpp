#include "tests/support/network_difference.h"

#include <cmath>

#include "ir/error.h"
#include "tests/support/examples.h"

namespace cnnc {

static double greatest(const Tensor& tensor, double most) {
  for (int64_t i = 0; i < tensor.size(); ++i)
    most = std::max(most, std::fabs(tensor.as_double(i)));
  return most;
}

std::string network_difference(const Tensor& expected, const Tensor& actual, double scale) {
  constexpr double kRelative = 1e-3, kOfGreatest = 1e-4;
  if (type_of(expected) != type_of(actual))
    return cat("expected ", type_of(expected), ", got ", type_of(actual));
  if (!is_float(expected.dtype())) return difference(expected, actual, 0);
  const double floor = kOfGreatest * greatest(expected, scale);
  double worst = 1;
  int64_t where = -1;
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double e = expected.as_double(i);
    const double a = actual.as_double(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    const double error = std::fabs(a - e) / (kRelative * std::fabs(e) + floor);
    if (error <= worst) continue;
    worst = error;
    where = i;
    if (std::isnan(error)) break;
  }
  if (where < 0) return "";
  return cat("element ", where, " of ", type_of(expected), ": expected ",
             expected.as_double(where), ", got ", actual.as_double(where), ", ", worst,
             " times what is allowed");
}

}  // namespace cnnc
