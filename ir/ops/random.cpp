// Random numbers that are functions of a counter: the same on every engine and for any number of
// threads.
#include <cmath>

#include "ir/gradient.h"
#include "ir/op_def.h"

namespace cnnc {
namespace {
using enum DType;

Scalar u64_constant(uint64_t value) { return Scalar::constant_int(u64, static_cast<int64_t>(value)); }
Scalar low_half(const Scalar& x) { return Scalar::make(ScalarOp::bit_and, u64, {x, u64_constant(0xFFFFFFFF)}); }
Scalar high_half(const Scalar& x) { return Scalar::make(ScalarOp::shr, u64, {x, u64_constant(32)}); }
Scalar exclusive_or(const Scalar& a, const Scalar& b) { return Scalar::make(ScalarOp::bit_xor, u64, {a, b}); }

// The four words of Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"). Words are the lower halves of
// 64-bit numbers, as products leave them and the vector unit multiplies them; what is above is ignored.
Scalars philox(Scalars counter, uint64_t seed) {
  constexpr uint64_t kMultipliers[] = {0xD2511F53, 0xCD9E8D57}, kWeyl[] = {0x9E3779B9, 0xBB67AE85};
  uint64_t key[] = {seed & 0xFFFFFFFF, seed >> 32};
  for (int round = 0; round < 10; ++round) {
    const Scalar a = low_half(counter[0]) * u64_constant(kMultipliers[0]);
    const Scalar b = low_half(counter[2]) * u64_constant(kMultipliers[1]);
    counter = {exclusive_or(high_half(b), exclusive_or(counter[1], u64_constant(key[0]))), b,
               exclusive_or(high_half(a), exclusive_or(counter[3], u64_constant(key[1]))), a};
    for (int k = 0; k < 2; ++k) key[k] = (key[k] + kWeyl[k]) & 0xFFFFFFFF;
  }
  for (Scalar& word : counter) word = low_half(word);
  return counter;
}

Scalar flat_position(const Scalars& at, const Dims& dims) {
  Scalar flat = Scalar::i64(0);
  for (size_t a = 0; a < at.size(); ++a) flat = flat * Scalar::size(dims[a]) + at[a];
  return flat;
}

// The words for one position in the stream of a node.
Scalars words_at(const OpContext& c, const Scalar& position) {
  const Scalar counter = cast(c.load(1, {}), u64);
  const Scalar stream = u64_constant(static_cast<uint64_t>(c.integer("stream")) & 0xFFFFFFFF);
  return philox({position, counter, high_half(counter), stream}, static_cast<uint64_t>(c.integer("seed")));
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
      const Scalar word = words_at(c, cast(flat_position(at, c.dims()), u64))[0];
      // The upper 24 bits fit f32 exactly.
      const Scalar upper = Scalar::make(ScalarOp::shr, u64, {word, u64_constant(8)});
      return cast(cast(upper, i32), f32) * 0x1p-24;
    })
    // Only the shape of the data matters.
    .gradient([](GradientBuilder&) {})
    .example({random(f32, {2, 3, 4}), given(Tensor::scalar(i64, 7))}, {{"seed", int64_t{5}}})
    .example({random(f64, {5}), given(Tensor::scalar(i64, 0))});

constexpr int64_t kBits = 8;

// The sizes of the bits of data of such sizes: an eighth on the first axis, rounded up.
Dims sizes_of_bits(Dims dims) {
  if (!dims.empty()) dims[0] = Dim::ceil_div(dims[0], kBits);
  return dims;
}

CNNC_OP(DropoutBits)
    .doc(
        "Which elements of a tensor of such sizes Dropout keeps, each with the probability 1 - ratio: of n elements on the first "
        "axis, n / 8 rounded up are m, bit k of the byte at [i, ...] is for the element at [k m + i, ...]. The eight bits are "
        "drawn with two numbers of four words of Philox 4x32-10, whose counter is twice the byte's position, or one more, "
        "`counter` and `stream`, and whose key is `seed`.")
    .input("sizes", {i64}, "")
    .input("counter", {i64}, "")
    .attribute("ratio", 0.5)
    .attribute("seed", int64_t{0})
    .attribute("stream", int64_t{0})
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(1) == 0, "the counter is ", c.type(1), ", need one number");
      const double ratio = c.number("ratio");
      c.require(ratio >= 0 && ratio <= 1, "the ratio is ", ratio, ", need 0 to 1");
      return {{u8, sizes_of_bits(c.need_content(0))}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const Scalar position = cast(flat_position(at, c.output_type().dims), u64) * u64_constant(2);
      const Scalar dropped = u64_constant(static_cast<uint64_t>(std::ceil(c.number("ratio") * 0x1p32)));
      Scalar bits = u64_constant(0);
      for (uint64_t half = 0; half < 2; ++half) {
        const Scalars words = words_at(c, Scalar::make(ScalarOp::bit_or, u64, {position, u64_constant(half)}));
        for (uint64_t w = 0; w < 4; ++w)
          bits = Scalar::make(ScalarOp::bit_or, u64,
                              {bits, select(words[w] >= dropped, u64_constant(uint64_t{1} << (4 * half + w)), u64_constant(0))});
      }
      return cast(bits, u8);
    })
    .gradient([](GradientBuilder&) {})
    .example({given(Tensor::ints({8, 20})), given(Tensor::scalar(i64, 7))}, {{"seed", int64_t{5}}, {"ratio", 0.25}})
    .example({given(Tensor::ints({13, 3, 5})), given(Tensor::scalar(i64, 0))})
    .example({given(Tensor::ints({50})), given(Tensor::scalar(i64, 0))})
    .example({given(Tensor::ints({})), given(Tensor::scalar(i64, 0))});

CNNC_OP(DropoutSelect)
    .doc("data * scale where its bit of DropoutBits is set, else 0.")
    .input("data", {f32, f64, f16, bf16})
    .input("bits", {u8}, "")
    .attribute("scale", 1.0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.dims(1) == sizes_of_bits(c.dims()), "the bits are ", c.type(1), ", need ", Type{u8, sizes_of_bits(c.dims())});
      return {c.type()};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      Scalars place = at;
      Scalar number = Scalar::i64(0);
      if (!at.empty()) {
        const Scalar rows = Scalar::size(c.dims(1)[0]);
        place[0] = rem(at[0], rows);
        number = floor_div(at[0], rows);
      }
      const Scalar byte = cast(c.load(1, place), i32), bit = cast(number, i32);
      const Scalar shifted = Scalar::make(ScalarOp::shr, i32, {byte, bit});
      const Scalar kept = Scalar::make(ScalarOp::bit_and, i32, {shifted, Scalar::constant_int(i32, 1)});
      const Scalar x = c.load(0, at);
      return select(kept != Scalar::constant_int(i32, 0), x * c.number("scale"), Scalar::constant(x.dtype(), 0));
    })
    .gradient([](GradientBuilder& b) {
      b.wrt(0, b.graph().make("DropoutSelect", {b.out_grad(), b.input(1)}, {{"scale", b.node().float_attribute("scale")}}));
    })
    .example({random(f32, {8, 20}), random(u8, {1, 20}, 0, 255)}, {{"scale", 2.0}})
    .example({random(f64, {13, 3, 5}), random(u8, {2, 3, 5}, 0, 255)}, {{"scale", 1.25}})
    .example({random(f64, {50}), random(u8, {7}, 0, 255)})
    .example({random(f64, {}), random(u8, {}, 0, 255)});

}  // namespace
}  // namespace cnnc
