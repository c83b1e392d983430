// How weights begin, and penalties that hold them small.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace cnnc::dsl {

// Random weights come from a counter-based generator (Philox 4x32-10), so they depend on the seed and on the order in
// which layers are first called, and on nothing else. An initializer with a seed of its own gives the same numbers
// wherever it is used.
class Initializer {
 public:
  enum class Kind { constant, uniform, normal, truncated_normal, orthogonal, identity };
  // What the spread is divided by: nothing, or the root of the number of inputs or outputs of the weights.
  enum class Fan { none, in, out, average };

  Kind kind = Kind::constant;
  Fan fan = Fan::none;
  double scale = 0;   // the constant; the limit of `uniform`; the deviation; with a fan, the variance times the fan
  double offset = 0;  // mean of the distribution
  std::optional<uint64_t> seed;

  Initializer with_seed(uint64_t value) const {
    Initializer copy = *this;
    copy.seed = value;
    return copy;
  }
};

inline const Initializer zeros{Initializer::Kind::constant, Initializer::Fan::none, 0, 0, {}};
inline const Initializer ones{Initializer::Kind::constant, Initializer::Fan::none, 1, 0, {}};
// Uniform in +-sqrt(6 / (inputs + outputs)): the default of kernels.
inline const Initializer glorot_uniform{Initializer::Kind::uniform, Initializer::Fan::average, 1, 0, {}};
inline const Initializer glorot_normal{Initializer::Kind::truncated_normal, Initializer::Fan::average, 1, 0, {}};
// Uniform in +-sqrt(6 / inputs).
inline const Initializer he_uniform{Initializer::Kind::uniform, Initializer::Fan::in, 2, 0, {}};
inline const Initializer he_normal{Initializer::Kind::truncated_normal, Initializer::Fan::in, 2, 0, {}};
inline const Initializer lecun_uniform{Initializer::Kind::uniform, Initializer::Fan::in, 1, 0, {}};
inline const Initializer lecun_normal{Initializer::Kind::truncated_normal, Initializer::Fan::in, 1, 0, {}};
// Uniform in +-1 / sqrt(inputs): what PyTorch's Linear and Conv layers begin with.
inline const Initializer pytorch_uniform{Initializer::Kind::uniform, Initializer::Fan::in, 1.0 / 3, 0, {}};

inline Initializer constant_of(double value) { return {Initializer::Kind::constant, Initializer::Fan::none, value, 0, {}}; }
inline Initializer random_uniform(double limit = 0.05) {
  return {Initializer::Kind::uniform, Initializer::Fan::none, limit, 0, {}};
}
inline Initializer random_normal(double deviation = 0.05, double mean = 0) {
  return {Initializer::Kind::normal, Initializer::Fan::none, deviation, mean, {}};
}
inline Initializer truncated_normal_of(double deviation = 0.05, double mean = 0) {
  return {Initializer::Kind::truncated_normal, Initializer::Fan::none, deviation, mean, {}};
}
// Rows or columns of a matrix that are orthogonal, times `gain`.
inline Initializer orthogonal_of(double gain = 1) {
  return {Initializer::Kind::orthogonal, Initializer::Fan::none, gain, 0, {}};
}
inline Initializer identity_of(double gain = 1) {
  return {Initializer::Kind::identity, Initializer::Fan::none, gain, 0, {}};
}

// Seeds everything random that has no seed of its own: weights made from now on, shuffling, dropout. Programs that do
// not call it have the seed 0: two runs give the same bits.
void set_random_seed(uint64_t seed);

// l1 * sum |w| + l2 * sum w^2, added to the loss.
struct Regularizer {
  double l1 = 0, l2 = 0;
  explicit operator bool() const { return l1 != 0 || l2 != 0; }
};
inline Regularizer L1(double l1 = 0.01) { return {l1, 0}; }
inline Regularizer L2(double l2 = 0.01) { return {0, l2}; }
inline Regularizer L1L2(double l1 = 0.01, double l2 = 0.01) { return {l1, l2}; }

}  // namespace cnnc::dsl
