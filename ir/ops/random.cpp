// Random numbers that are functions of a counter: the same on every engine and for any number of
// threads.
#include "ir/gradient.h"
#include "ir/op_def.h"

namespace cnnc {
namespace {
using enum DType;

Scalar u32_constant(uint64_t value) { return Scalar::constant_int(u32, static_cast<int64_t>(value)); }
Scalar u64_of(const Scalar& x) { return cast(x, u64); }
Scalar low_half(const Scalar& x) { return cast(x, u32); }
Scalar high_half(const Scalar& x) {
  return cast(Scalar::make(ScalarOp::shr, u64, {x, Scalar::constant_int(u64, 32)}), u32);
}
Scalar exclusive_or(const Scalar& a, const Scalar& b) {
  return Scalar::make(ScalarOp::bit_xor, u32, {a, b});
}

// Word 0 of Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").
Scalar philox(Scalars counter, uint64_t seed) {
  constexpr uint64_t kMultipliers[] = {0xD2511F53, 0xCD9E8D57}, kWeyl[] = {0x9E3779B9, 0xBB67AE85};
  uint64_t key[] = {seed & 0xFFFFFFFF, seed >> 32};
  for (int round = 0; round < 10; ++round) {
    const Scalar a = u64_of(counter[0]) * u64_of(u32_constant(kMultipliers[0]));
    const Scalar b = u64_of(counter[2]) * u64_of(u32_constant(kMultipliers[1]));
    counter = {exclusive_or(exclusive_or(high_half(b), counter[1]), u32_constant(key[0])),
               low_half(b),
               exclusive_or(exclusive_or(high_half(a), counter[3]), u32_constant(key[1])),
               low_half(a)};
    for (int k = 0; k < 2; ++k) key[k] = (key[k] + kWeyl[k]) & 0xFFFFFFFF;
  }
  return counter[0];
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
      const Scalar stream = u32_constant(static_cast<uint64_t>(c.integer("stream")) & 0xFFFFFFFF);
      const Scalar bits =
          philox({low_half(position), low_half(counter), high_half(counter), stream},
                 static_cast<uint64_t>(c.integer("seed")));
      // The upper 24 bits fit f32 exactly.
      const Scalar upper = Scalar::make(ScalarOp::shr, u32, {bits, u32_constant(8)});
      return cast(cast(upper, i32), f32) * 0x1p-24;
    })
    // Only the shape of the data matters.
    .gradient([](GradientBuilder&) {})
    .example({random(f32, {2, 3, 4}), given(Tensor::scalar(i64, 7))}, {{"seed", int64_t{5}}})
    .example({random(f64, {5}), given(Tensor::scalar(i64, 0))});

}  // namespace
}  // namespace cnnc
