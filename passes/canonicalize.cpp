#include "passes/canonicalize.h"

#include <iterator>

#include "passes/passes.h"

namespace cnnc {

static std::vector<Rewrite> canonicalize_rewrites() {
  std::vector<Rewrite> all;
  for (auto* family : {no_op_rewrites, shape_operand_rewrites, reshape_rewrites, gather_rewrites, cast_rewrites,
                       arithmetic_rewrites, strength_rewrites, clamp_rewrites, pool_rewrites}) {
    std::vector<Rewrite> rewrites = family();
    std::move(rewrites.begin(), rewrites.end(), std::back_inserter(all));
  }
  return all;
}

Pass canonicalize() {
  return {"canonicalize", "Removes operators that do nothing, and brings others to their simplest form.", nullptr,
          [](const Target&) { return canonicalize_rewrites(); }};
}

}  // namespace cnnc
