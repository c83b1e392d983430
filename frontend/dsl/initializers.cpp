#include "frontend/dsl/initializers.h"

#include <algorithm>
#include <cmath>

#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace cnnc::dsl {

using Kind = Initializer::Kind;

Fans fans_of(const cnnc::Shape& shape) {
  if (shape.empty()) return {};
  const auto size = [&](size_t i) { return static_cast<double>(shape[i]); };
  if (shape.size() == 1) return {size(0), size(0)};
  if (shape.size() == 2) return {size(0), size(1)};
  double taps = 1;
  for (size_t i = 2; i < shape.size(); ++i) taps *= size(i);
  return {size(1) * taps, size(0) * taps};
}

// The variance of a distribution whose scale counts in fans.
static double variance(const Initializer& init, const cnnc::Shape& shape) {
  const Fans fans = fans_of(shape);
  switch (init.fan) {
    case Initializer::Fan::in: return init.scale / std::max(1.0, fans.inputs);
    case Initializer::Fan::out: return init.scale / std::max(1.0, fans.outputs);
    default: return init.scale / std::max(1.0, (fans.inputs + fans.outputs) / 2);
  }
}

static double truncated_normal(RandomNumbers& random) {
  for (;;) {
    const double z = random.normal();
    if (std::abs(z) <= 2) return z;
  }
}

static void fill_random(cnnc::Tensor& values, const Initializer& init, RandomNumbers& random) {
  float* data = values.mutable_data<float>();
  const bool has_fan = init.fan != Initializer::Fan::none;
  double spread = has_fan ? std::sqrt(variance(init, values.shape())) : init.scale;
  if (has_fan && init.kind == Kind::uniform) spread *= std::sqrt(3.0);
  // What truncation at two deviations takes away.
  if (has_fan && init.kind == Kind::truncated_normal) spread /= 0.87962566103423978;
  for (int64_t i = 0; i < values.size(); ++i) {
    const double z = init.kind == Kind::uniform  ? 2 * random.uniform() - 1
                     : init.kind == Kind::normal ? random.normal()
                                                 : truncated_normal(random);
    data[i] = static_cast<float>(init.offset + spread * z);
  }
}

static void require_matrix(const cnnc::Shape& shape, const char* what) {
  if (shape.size() < 2)
    throw Error(cat(what, " initializers are for weights of two or more axes, these have ", shape.size()),
                Fault::usage);
}

// Gram-Schmidt on the shorter side of the matrix [rest, last].
static void fill_orthogonal(cnnc::Tensor& values, double gain, RandomNumbers& random) {
  require_matrix(values.shape(), "orthogonal");
  const int64_t columns = values.shape().back(), rows = values.size() / columns;
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<std::vector<double>> basis;
  while (static_cast<int64_t>(basis.size()) < count) {
    std::vector<double> v(static_cast<size_t>(length));
    for (double& x : v) x = random.normal();
    for (const std::vector<double>& b : basis) {
      double dot = 0;
      for (size_t i = 0; i < v.size(); ++i) dot += v[i] * b[i];
      for (size_t i = 0; i < v.size(); ++i) v[i] -= dot * b[i];
    }
    double norm = 0;
    for (double x : v) norm += x * x;
    if (norm < 1e-12) continue;
    for (double& x : v) x /= std::sqrt(norm);
    basis.push_back(std::move(v));
  }
  float* data = values.mutable_data<float>();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const auto [vector, element] = rows <= columns ? std::pair{r, c} : std::pair{c, r};
      data[r * columns + c] =
          static_cast<float>(gain * basis[static_cast<size_t>(vector)][static_cast<size_t>(element)]);
    }
}

static void fill_identity(cnnc::Tensor& values, double gain) {
  require_matrix(values.shape(), "identity");
  const int64_t columns = values.shape().back(), rows = values.size() / columns;
  for (int64_t i = 0; i < std::min(rows, columns); ++i)
    values.mutable_data<float>()[i * columns + i] = static_cast<float>(gain);
}

cnnc::Tensor initial_values(const Initializer& init, const cnnc::Shape& shape) {
  cnnc::Tensor values(DType::f32, shape);
  if (init.kind == Kind::constant) {
    std::fill_n(values.mutable_data<float>(), values.size(), static_cast<float>(init.scale));
    return values;
  }
  RandomNumbers random(init.seed ? *init.seed : next_seed());
  if (init.kind == Kind::orthogonal) fill_orthogonal(values, init.scale, random);
  else if (init.kind == Kind::identity) fill_identity(values, init.scale);
  else fill_random(values, init, random);
  return values;
}

}  // namespace cnnc::dsl
