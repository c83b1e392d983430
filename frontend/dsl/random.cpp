#include "frontend/dsl/random.h"

#include <cmath>

#include "cnnc/initializers.h"

namespace cnnc::dsl {

static uint64_t seed_of_all = 0;
static uint64_t seeds_given = 0;

void set_random_seed(uint64_t seed) {
  seed_of_all = seed;
  seeds_given = 0;
}

uint64_t global_seed() { return seed_of_all; }
uint64_t next_seed() { return seed_of_all * 0x9E3779B97F4A7C15u + ++seeds_given; }

std::array<uint32_t, 4> philox(uint64_t counter, uint64_t stream, uint64_t key) {
  std::array<uint32_t, 4> x{uint32_t(counter), uint32_t(counter >> 32), uint32_t(stream), uint32_t(stream >> 32)};
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * x[0], b = uint64_t{0xCD9E8D57} * x[2];
    x = {uint32_t(b >> 32) ^ x[1] ^ k0, uint32_t(b), uint32_t(a >> 32) ^ x[3] ^ k1, uint32_t(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return x;
}

uint32_t RandomNumbers::next_u32() {
  if (used_ == 4) {
    block_ = philox(counter_++, stream_, seed_);
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

double RandomNumbers::uniform() { return (next_u32() >> 8) * 0x1p-24; }

double RandomNumbers::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * M_PI * uniform());
}

uint64_t RandomNumbers::below(uint64_t bound) {
  const uint64_t bits = uint64_t{next_u32()} << 32 | next_u32();
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

}  // namespace cnnc::dsl
