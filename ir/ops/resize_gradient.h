// The gradient of Resize.
#pragma once
#include "ir/gradient.h"

namespace cnnc {

void resize_gradient(GradientBuilder& g);
// The attributes of Resize, and of what stands for a part of it.
OpDef& resize_attributes(OpDef& op);

}  // namespace cnnc
