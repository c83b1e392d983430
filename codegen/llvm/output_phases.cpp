#include "codegen/llvm/output_phases.h"

#include "codegen/llvm/convolution_geometry.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

int64_t phase_count(const SpatialAxis& axis) { return axis.phases ? axis.phases->count : 1; }

Value* result_position(IRBuilderBase& b, const SpatialAxis& axis, Value* phase, Value* index) {
  if (!axis.phases) return index;
  return add(b, add(b, mul(b, index, axis.phases->step), phase), axis.phases->first);
}

Value* result_positions(IRBuilderBase& b, const SpatialAxis& axis) {
  return (axis.phases ? axis.phases->positions : axis.output).emit(b);
}

int64_t result_step(const SpatialAxis& axis) { return axis.phases ? axis.phases->step : 1; }

Value* first_result(IRBuilderBase& b, const ConvolutionSpec& spec, const Phase& phase) {
  Value* offset = b.getInt64(0);
  for (int i = 0; i < 3; ++i) {
    const SpatialAxis& axis = spec.axes[i];
    if (!axis.phases) continue;
    Value* position = result_position(b, axis, phase[i], b.getInt64(0));
    offset = add(b, offset, mul(b, position, axis.phases->position_stride.emit(b)));
  }
  return offset;
}

// Elements between neighbouring taps of the weights along an axis.
static int64_t tap_pitch(const ConvolutionSpec& spec, int axis, int64_t tap_size) {
  for (int inner = 2; inner > axis; --inner) tap_size *= weight_taps(spec.axes[inner]);
  return tap_size;
}

Value* first_weight(IRBuilderBase& b, const ConvolutionSpec& spec, const Phase& phase, int64_t tap_size) {
  Value* offset = b.getInt64(0);
  for (int i = 0; i < 3; ++i) {
    if (!spec.axes[i].phases) continue;
    const OutputPhases& p = *spec.axes[i].phases;
    Value* tap = add(b, mul(b, phase[i], p.tap_shift), p.first_tap);
    offset = add(b, offset, mul(b, tap, tap_pitch(spec, i, tap_size)));
  }
  return offset;
}

int64_t weight_stride(const ConvolutionSpec& spec, int axis, int64_t tap_size) {
  const int64_t step = spec.axes[axis].phases ? spec.axes[axis].phases->tap_step : 1;
  return step * tap_pitch(spec, axis, tap_size);
}

}  // namespace cnnc::codegen
