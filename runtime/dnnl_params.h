// Parameter blobs of oneDNN steps, filled by codegen and read by runtime/dnnl_*.cpp. Plain data.
//
// Operands of a step: src, weights, bias (if has_bias), one per `add` post-op in order, dst (last).
// All tensors are f32. A step refers to its library by symbol:
//   cnnc_dnnl_convolution  DnnlConvolutionParams; sizes: dims of src, then of dst (N, C, spatial)
//   cnnc_dnnl_pooling      DnnlPoolingParams; sizes as for convolution; operands: src, dst
//   cnnc_dnnl_matmul       DnnlMatmulParams; sizes: dims of src, weights, dst (rank each)
#ifndef RUNTIME_DNNL_PARAMS_H_
#define RUNTIME_DNNL_PARAMS_H_

#include <stdint.h>

namespace cnnc {

constexpr uint32_t kMaxDnnlPostOps = 8;

// Values of dnnl_alg_kind_t; any other eltwise algorithm may be given as well.
enum DnnlAlgorithm : int32_t { kDnnlRelu = 0x20, kDnnlClip = 0x2e, kDnnlAdd = 0x1fff0 };

struct DnnlPostOp {
  int32_t algorithm; // an eltwise one, or kDnnlAdd of an operand shaped as dst
  float alpha, beta; // of eltwise
};

struct DnnlEpilogue {
  uint32_t has_bias;
  uint32_t post_op_count;
  DnnlPostOp post_ops[kMaxDnnlPostOps];
};

struct DnnlConvolutionParams {
  uint32_t rank; // of src: 3, 4 or 5
  uint32_t groups;
  uint32_t channels_last; // src, dst and added operands; otherwise channels first
  uint32_t reserved;
  int64_t weights[5]; // ONNX's dims: O, I / groups, spatial
  int64_t strides[3], dilations[3], pads_begin[3], pads_end[3]; // as ONNX has them (dilation >= 1)
  DnnlEpilogue epilogue;
};

enum DnnlPooling : uint32_t { kDnnlMax, kDnnlAverage, kDnnlAverageWithPadding };

struct DnnlPoolingParams {
  uint32_t rank; // of src: 3, 4 or 5
  uint32_t kind; // DnnlPooling
  uint32_t channels_last;
  uint32_t reserved;
  int64_t kernel[3], strides[3], dilations[3], pads_begin[3], pads_end[3]; // as ONNX has them
};

struct DnnlMatmulParams {
  uint32_t rank; // of src, weights and dst: 2 to 12
  uint32_t transposed_src; // the last two axes are swapped in memory
  uint32_t transposed_weights;
  uint32_t reserved;
  DnnlEpilogue epilogue; // bias has the size of dst's last axis
};

} // namespace cnnc

#endif // RUNTIME_DNNL_PARAMS_H_
