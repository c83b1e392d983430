// Weights in panels, as the contraction kernels read them.
#pragma once
#include "ir/op_def.h"

namespace cnnc {

// Weights of logical sizes [O, I, taps] (I: input channels of one group; a matrix [K, N] is [N, K,
// 1]) are packed as
//   [groups][ceil((O / groups) / nr)][taps][I][nr]
// where nr output channels are neighbours. With og = o mod (O / groups), the weight of output
// channel o, channel i and tap t is at [o div (O / groups), og div nr, t, i, og mod nr]; places
// past the last output channel hold zero. A depthwise convolution packs all its groups as one:
// groups = 1, I = 1.
struct WeightPanels {
  Dim outputs;  // O
  int64_t groups = 1, nr = 1;

  Dim outputs_per_group() const { return Dim::floor_div(outputs, groups); }
  Dim panels() const { return Dim::ceil_div(outputs_per_group(), nr); }
  // Where the weight of (o, i, t) is.
  Scalars place(const Scalar& o, const Scalar& i, const Scalar& tap) const;
};

// The panels that a packed operand consists of; throws Error when it is not packed like this.
WeightPanels panels_of(const OpContext& c, size_t operand, const Dim& outputs, const Dim& channels,
                       const Dim& taps);

// Row-major position of `indices` in an array of these sizes.
Scalar flat_index(const Scalars& indices, const Dims& sizes);
// The reverse.
Scalars split_index(const Scalar& flat, const Dims& sizes);

// Weights in rows of neighbours, [O][I][taps], from the packed form.
Tensor unpack_panels(const Tensor& packed, int64_t outputs);

}  // namespace cnnc
