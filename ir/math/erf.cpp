#include "ir/math/expansions.h"

namespace cnnc::math {

// erf(x) / x is an entire function of s = x^2: for large x a polynomial about the middle of the range of s, where its
// Taylor coefficients alternate in sign and no two terms cancel much; for small x, where the shift to the middle would
// lose the low bits of s, one about 0.
Scalar expand_erf(const Scalar& x) {
  const double limit = 3.91920590;  // erf of more rounds to 1
  const Scalar limited = at_least(at_most(x, limit), -limit);
  const Scalar s = limited * limited;
  const Scalar small = fma(limited, polynomial(s, {0.128379151, -0.376125157, 0.112820528, -0.0267755259, 0.00500670169,
                                                   -0.000606199668}), limited);
  // erf(x) / x - 1/4, which is almost 0 where erf is almost 1: the product below is then rounded only once.
  const Scalar u = fma(s, x.like(0.137561346), x.like(-1.11296633));
  const Scalar p = polynomial(u, {0.101546042, -0.157776907, 0.10575714, -0.0778103769, 0.0586936548, -0.0439294614,
                                  0.0317467526, -0.0215405691, 0.0142487716, -0.00977120828, 0.00538571272,
                                  -0.00159222446, 0.00102724589, -0.00140676112, 0.000575927144});
  const Scalar large = fma(limited, p, limited * 0.25);
  return select(s < x.like(0.8203125), small, large);
}

}  // namespace cnnc::math
