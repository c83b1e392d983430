// A transposed convolution of stride s as convolutions of stride 1. Output o takes tap t of the input at
// (o + pad - t * dilation) / s, where that is a whole number: along each axis the outputs fall into s phases, each of
// which takes its own taps and is a convolution. No product with a zero between elements is computed.
#include <algorithm>
#include <numeric>

#include "codegen/llvm/contraction_spec.h"
#include "ir/affine.h"
#include "ir/ops/convolution.h"

namespace cnnc::codegen {

namespace {

int64_t floor_div(int64_t x, int64_t y) { return x / y - (x % y < 0); }

// Some phases of one axis that share their code.
struct AxisPart {
  int64_t kernel = 0, pad_begin = 0;
  Dim outputs;
  OutputPhases phases;
};

// The phase whose output 0 is at `first` of the result.
AxisPart phase_at(const WindowAxis& window, int64_t first) {
  const int64_t place = first + window.pad_begin.value(), quotient = floor_div(place, window.stride);
  const int64_t phase = place - quotient * window.stride;
  AxisPart part;
  part.phases.first = first;
  part.phases.taps = window.kernel.value();
  for (int64_t tap = 0; tap < part.phases.taps; ++tap) {
    if ((tap * window.dilation - phase) % window.stride != 0) continue;
    ++part.kernel;
    part.phases.first_tap = tap;
    part.pad_begin = (tap * window.dilation - phase) / window.stride - quotient;
  }
  part.outputs = Dim::ceil_div(window.input - first, window.stride);
  return part;
}

// Adds a phase to those before it, if it has their form.
bool join(AxisPart& before, const AxisPart& phase) {
  OutputPhases& p = before.phases;
  const int64_t shift = phase.phases.first_tap - p.first_tap;
  const bool alike = before.kernel == phase.kernel && before.pad_begin == phase.pad_begin &&
                     before.outputs == phase.outputs;
  if (!alike || (p.count > 1 && shift != p.count * p.tap_shift)) return false;
  if (p.count == 1) p.tap_shift = shift;
  ++p.count;
  return true;
}

std::vector<AxisPart> axis_parts(const WindowAxis& window) {
  std::vector<AxisPart> parts;
  for (int64_t first = 0; first < window.stride; ++first) {
    const AxisPart phase = phase_at(window, first);
    if (phase.outputs.is_const() && phase.outputs.value() <= 0) break;
    if (parts.empty() || !join(parts.back(), phase)) parts.push_back(phase);
  }
  return parts;
}

// How far the last window reaches beyond the input; some number where that is not known.
int64_t pad_end(const AxisPart& part, const Dim& input, int64_t dilation) {
  if (part.kernel == 0) return 0;
  const Dim reach = part.outputs + (part.kernel - 1) * dilation - part.pad_begin - input;
  return reach.is_const() ? std::max<int64_t>(0, reach.value()) : 1;
}

SpatialAxis spatial_axis(const AxisPart& part, const WindowAxis& window, const Dim& input_stride, const Dim& output_stride,
                         const SizeOf& size) {
  const int64_t common = std::gcd(window.stride, window.dilation);
  SpatialAxis axis;
  axis.input = size(window.output);
  axis.output = size(part.outputs);
  axis.kernel = part.kernel;
  axis.dilation = window.dilation / common;
  axis.pad_begin = part.pad_begin;
  axis.pad_end = pad_end(part, window.output, axis.dilation);
  axis.input_stride = size(input_stride);
  axis.output_stride = size(output_stride * window.stride);
  axis.phases = part.phases;
  axis.phases->step = window.stride;
  axis.phases->positions = size(window.input);
  axis.phases->position_stride = size(output_stride);
  axis.phases->tap_step = -window.stride / common;
  return axis;
}

}  // namespace

std::vector<ConvolutionSpec> transposed_parts(const ContractionView& view, const Window& window, const ConvolutionSpec& whole,
                                              const SizeOf& size) {
  const Dims& input = view.operands[0].strides;
  const Dims output = dense_strides(view.root_type.dims);
  std::vector<ConvolutionSpec> specs{whole};
  for (size_t i = 0; i < window.size(); ++i) {
    std::vector<ConvolutionSpec> divided;
    for (const ConvolutionSpec& spec : specs)
      for (const AxisPart& part : axis_parts(window[i])) {
        divided.push_back(spec);
        divided.back().axes[3 - window.size() + i] = spatial_axis(part, window[i], input[1 + i], output[1 + i], size);
      }
    specs = std::move(divided);
  }
  return specs;
}

}  // namespace cnnc::codegen
