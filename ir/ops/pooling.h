// The geometry of pools over sliding windows.
#pragma once
#include "ir/gradient.h"
#include "ir/ops/window.h"

namespace cnnc {

struct Pool {
  ChannelLayout layout;
  Window window;
};

// Of the windows over operand 0, from the attributes kernel_shape, strides, ...
Pool pool_geometry(const OpContext& c);
// The same over another operand.
Pool pool_geometry(const OpContext& c, const ChannelLayout& layout, const Dims& dims);
// Number of taps of window `out` of one axis that count: those inside the input or, when padding
// counts, those before the end of the padding (with ceil_mode a window may reach beyond it).
Scalar counted_taps(const WindowAxis& axis, const Scalar& out, bool count_padding);
// The attributes that all such pools have.
OpDef& pool_attributes(OpDef& op);

// Gradient rules (pooling_gradient.cpp).
void max_pool_gradient(GradientBuilder& g);
void average_pool_gradient(GradientBuilder& g);
void lp_pool_gradient(GradientBuilder& g);

}  // namespace cnnc
