// Random numbers inside of a model, for layers that act only while it is trained.
#pragma once
#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

// `training` while the model is trained, `usual` otherwise; both have one type.
Tensor when_training(const Tensor& usual, const Tensor& training, const Location& where);
// Random numbers of x's shape, other ones at each step: evenly in [low, high), or normal ones.
Tensor uniform_like(const Tensor& x, double low, double high, const Location& where);
Tensor normal_like(const Tensor& x, double mean, double deviation, const Location& where);
// The first element of x along `axes`, which stay: what uniform_like makes of it broadcasts with x.
Tensor first_along(const Tensor& x, const Ints& axes, const Location& where);
// Dropout with one decision for all elements along `shared` axes.
Tensor dropped_along(const Tensor& x, const Ints& shared, double rate, const Location& where);

}  // namespace cnnc::dsl
