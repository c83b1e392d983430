// Plain convolution over any number of spatial axes: the reference, and the implementation of last
// resort.
#pragma once
#include <cstdint>
#include <vector>

namespace cnnc {

struct ConvolutionAxis {
  int64_t input = 1, output = 1, kernel = 1;
  int64_t stride = 1, dilation = 1, pad_begin = 0;
  int64_t input_stride = 1, output_stride = 1;  // elements between neighbours
};

// Weights are [groups * outputs][channels][taps] in rows of neighbours, taps in row-major order of
// the axes.
struct ConvolutionShape {
  int64_t batch = 1, groups = 1;
  int64_t channels = 1, outputs = 1;  // of one group
  int64_t input_batch_stride = 0, input_channel_stride = 0;
  int64_t output_batch_stride = 0, output_channel_stride = 0;
  std::vector<ConvolutionAxis> axes;
  // A transposed convolution: output position o takes tap t of input (o + pad_begin - t * dilation)
  // / stride where that is a whole number.
  bool transposed = false;
};

// `bias` has one element for each output channel, or is null.
template <typename T>
void convolution(const ConvolutionShape& shape, const T* input, const T* weights, const T* bias,
                 T* output);

}  // namespace cnnc
