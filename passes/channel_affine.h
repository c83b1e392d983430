// Maps y = scale x + shift with one scale and shift for each channel: what BatchNormalization and arithmetic with constants are.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

struct ChannelAffine {
  std::vector<double> scale, shift;  // one for each channel

  bool scales() const;  // some scale is not 1
  bool shifts() const;  // some shift is not 0
  // This one first, then `next`.
  ChannelAffine then(const ChannelAffine& next) const;
};

// The operand that is no constant of a node that may be such a map; null when there is none.
Value* mapped_operand(const Node& node);
// The map that the node applies to `x`, its operand, whose channels are axis `axis`. Nothing when it is none, when its
// constants have no known data or when a number of it is not finite.
std::optional<ChannelAffine> channel_affine(const Node& node, const Value& x, int axis);

// A copy of a f32 or f64 tensor with every element replaced by fn(its flat index, itself).
Tensor mapped(const Tensor& tensor, const std::function<double(int64_t, double)>& fn);
// The rank-1 tensor of these numbers.
Tensor vector_of(DType dtype, const std::vector<double>& numbers);

}  // namespace cnnc
