// What Resize does along one axis: sizes, coordinates, and the samples that a result is made of.
#pragma once
#include <vector>

#include "ir/op_def.h"

namespace cnnc {

// How one axis is resized.
struct ResizedAxis {
  int axis = 0;
  Dim input, output;
  Scalar scale;               // f64: output elements for each input element
  double start = 0, end = 1;  // the region of interest, as parts of the input
};

// The axes that a node with Resize's operands and attributes names. Throws Error when they do not
// fit each other.
std::vector<ResizedAxis> resize_axes(const OpContext& c);
// floor(dim * scale); a symbol can be multiplied by simple fractions only.
Dim scaled_size(const OpContext& c, const Dim& dim, double scale);
// Whether every element of the axis stays what it is.
bool is_unchanged(const OpContext& c, const ResizedAxis& axis);

// Where output position `x` of an axis lies in the input.
Scalar original_position(const OpContext& c, const ResizedAxis& axis, const Scalar& x);
// The element that attribute nearest_mode picks at an input position.
Scalar nearest_position(const OpContext& c, const Scalar& x);
// `index` moved to the nearest end of an axis when it lies outside.
Scalar clamped(const Scalar& index, const Dim& size);

// The samples of one axis: how many, and the index and weight of each.
struct Taps {
  Dim count;
  Scalar index, weight;
};
// Of the result at input position `x`; `tap` counts them.
Taps taps_of(const OpContext& c, const ResizedAxis& axis, const Scalar& x, const Scalar& tap);
// Whether the weights have to be divided by their sum.
bool needs_normalization(const OpContext& c);

Scalar f64(double value);
Scalar f64(const Dim& dim);
Scalar f64(const Scalar& integer);

}  // namespace cnnc
