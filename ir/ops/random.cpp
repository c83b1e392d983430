// Random numbers that are functions of a counter: the same on every engine and for any number of
// threads.
#include "ir/gradient.h"
#include "ir/op_def.h"

namespace cnnc {
namespace {
using enum DType;

Scalar u64_constant(uint64_t value) { return Scalar::constant_int(u64, static_cast<int64_t>(value)); }
Scalar low_half(const Scalar& x) { return Scalar::make(ScalarOp::bit_and, u64, {x, u64_constant(0xFFFFFFFF)}); }
Scalar high_half(const Scalar& x) { return Scalar::make(ScalarOp::shr, u64, {x, u64_constant(32)}); }
Scalar exclusive_or(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::bit_xor, u64, {a, b}); }

// Word 0 of Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"). Words are the lower halves of 64-bit
// numbers, as products leave them and the vector unit multiplies them; what is above is ignored.
Scalar philox(Scalars counter, uint64_t seed) {
  constexpr uint64_t kMultipliers[] = {0xD2511F53, 0xCD9E8D57}, kWeyl[] = {0x9E3779B9, 0xBB67AE85};
  uint64_t key[] = {seed & 0xFFFFFFFF, seed >> 32};
  for (int round = 0; round < 10; ++round) {
    const Scalar a = low_half(counter[0]) * u64_constant(kMultipliers[0]);
    const Scalar b = low_half(counter[2]) * u64_constant(kMultipliers[1]);
    counter = {exclusive_or(high_half(b), exclusive_or(counter[1], u64_constant(key[0]))), b,
               exclusive_or(high_half(a), exclusive_or(counter[3], u64_constant(key[1]))), a};
    for (int k = 0; k < 2; ++k) key[k] = (key[k] + kWeyl[k]) & 0xFFFFFFFF;
  }
  return low_half(counter[0]);
}

Scalar flat_position(const Scalars& at, const Dims& dims) {
  Scalar flat = Scalar::i64(0);
  for (size_t a = 0; a < at.size(); ++a) flat = flat * Scalar::size(dims[a]) + at[a];
  return flat;
}

CNNC_OP(PhiloxUniform)
    .doc(
        "Random f32 numbers in [0, 1) of the shape of `data`: Philox 4x32-10 with the element's "
        "position, `counter` and `stream` as its counter and `seed` as its key.")
    .input("data")
    .input("counter", {i64}, "")
    .attribute("seed", int64_t{0})
    .attribute("stream", int64_t{0})
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(1) == 0, "the counter is ", c.type(1), ", need one number");
      return {{f32, c.dims()}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const Scalar position = cast(flat_position(at, c.dims()), u64);
      const Scalar counter = cast(c.load(1, {}), u64);
      const Scalar stream = u64_constant(static_cast<uint64_t>(c.integer("stream")) & 0xFFFFFFFF);
      const Scalar bits = philox({position, counter, high_half(counter), stream}, static_cast<uint64_t>(c.integer("seed")));
      // The upper 24 bits fit f32 exactly.
      const Scalar upper = Scalar::make(ScalarOp::shr, u64, {bits, u64_constant(8)});
      return cast(cast(upper, i32), f32) * 0x1p-24;
    })
    // Only the shape of the data matters.
    .gradient([](GradientBuilder&) {})
    .example({random(f32, {2, 3, 4}), given(Tensor::scalar(i64, 7))}, {{"seed", int64_t{5}}})
    .example({random(f64, {5}), given(Tensor::scalar(i64, 0))});

}  // namespace
}  // namespace cnnc
