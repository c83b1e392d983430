// What passes may know of the machine that the code is for. Implemented in codegen.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace cnnc {

class Target {
 public:
  virtual ~Target() = default;

  // "x86-64-v4", "sapphirerapids", ...
  virtual std::string name() const = 0;
  // Elements of a vector register.
  virtual int f32_lanes() const = 0;
  virtual int vector_registers() const = 0;
  // Bytes of the data cache of one core at level 1, 2, ...; 0 where there is none.
  virtual int64_t cache_bytes(int level) const = 0;
  // As LLVM spells them: "avx2", "fma", "avx512f".
  virtual bool has_feature(std::string_view feature) const = 0;
};

}  // namespace cnnc
