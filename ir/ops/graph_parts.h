// Graph pieces that decompositions share.
#pragma once
#include "ir/op_def.h"

namespace cnnc {

// `x` in another element type; itself when it has it.
Value* converted(Graph& g, Value* x, DType dtype);
// `x` in f32 when it is a 16-bit float, so that a chain of operators rounds once, at its end.
Value* widened(Graph& g, Value* x);
// A reduction over `axes` that keeps them with size 1.
Value* reduced(Graph& g, std::string_view reduction, Value* x, const Ints& axes);
// A number of x's element type.
Value* number_like(Graph& g, const Value* x, double number);
// Each row along `axis` times a matrix [size of the axis, new size].
Value* axis_times_matrix(Graph& g, Value* x, int axis, Value* matrix);
// 1 / sqrt(x + epsilon).
Value* inverse_deviation(Graph& g, Value* variance, double epsilon);

// Mean and variance over `axes` in two passes: the second one sums squares of what is left without
// the mean.
struct Moments {
  Value *mean, *centred, *variance;
};
Moments moments(Graph& g, Value* x, const Ints& axes);

}  // namespace cnnc
