// Random numbers by counter: Philox 4x32-10 (Salmon et al., 2011), the same for every machine.
#pragma once
#include <array>
#include <cstdint>

namespace cnnc::dsl {

std::array<uint32_t, 4> philox(uint64_t counter, uint64_t stream, uint64_t key);

// A sequence of numbers that depends on its seed alone.
class RandomNumbers {
 public:
  explicit RandomNumbers(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  uint32_t next_u32();
  // In [0, 1), with 24 bits.
  double uniform();
  double normal();
  // In [0, bound), without bias that could be noticed.
  uint64_t below(uint64_t bound);

 private:
  uint64_t seed_, stream_, counter_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

// What set_random_seed gave, and a number that is another one at each call: seeds of initializers.
uint64_t global_seed();
uint64_t next_seed();

}  // namespace cnnc::dsl
