#include "ir/math/expansions.h"

namespace cnnc::math {

Scalar expand_erf(const Scalar& x) {
  const Scalar a = at_most(abs(x), 3.91920590);  // erf of more rounds to 1
  const Scalar s = a * a;
  const Scalar small = fma(a,
                           polynomial(s, {0.128379151, -0.376125157, 0.112820528, -0.0267755259,
                                          0.00500670169, -0.000606199668}),
                           a);
  // About a middle near which a is shifted without rounding.
  const Scalar large =
      polynomial(a - 2.40625, {0.999333382, 0.00345033756, -0.00830270443, 0.0121701667,
                               -0.0118718976, 0.00776918465, -0.00307459012, 0.000277558283,
                               0.000505983888, -0.000339176971, 6.10802672e-05, 3.72370559e-05,
                               -1.83345583e-05, -9.51490222e-07, 1.27923158e-06});
  return with_sign(select(a < x.like(0.90625), small, large), x);
}

}  // namespace cnnc::math
