// Gradients of nodes with regions: the regions are differentiated.
#pragma once
#include "ir/gradient.h"

namespace cnnc {

// Another If over the same condition, whose branches compute the gradients of the captures.
void if_gradient(GradientBuilder& g);

// A Scan in the other direction. What it needs of the forward pass, the forward Scan stacks as more
// results: it is replaced by one that does.
void scan_gradient(GradientBuilder& g);

}  // namespace cnnc
