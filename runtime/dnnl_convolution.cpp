// Convolution by oneDNN: activations plain, weights in the layout that oneDNN likes best.
#include <stdio.h>

#include "runtime/cnnc.h"
#include "runtime/dnnl_step.h"

namespace cnnc {
namespace {

// ONNX's O, I/g, spatial becomes g, O/g, I/g, spatial with groups; the memory is the same.
DnnlShape weights_shape(const DnnlConvolutionParams& params) {
  DnnlShape shape{0, {}, {}};
  uint32_t first = 0;
  if (params.groups > 1) {
    shape.dims[shape.rank++] = params.groups;
    shape.dims[shape.rank++] = params.weights[0] / params.groups;
    first = 1;
  }
  for (uint32_t i = first; i < params.rank; ++i) shape.dims[shape.rank++] = params.weights[i];
  int64_t stride = 1;
  for (int32_t i = shape.rank; i-- > 0;) {
    shape.strides[i] = stride;
    stride *= shape.dims[i];
  }
  return shape;
}

dnnl_status_t create(const DnnlApi& api, const void* blob, const DnnlDescriptors& in,
                     dnnl_primitive_desc_t* out) {
  const auto& params = *static_cast<const DnnlConvolutionParams*>(blob);
  dnnl_dims_t dilations;
  for (int i = 0; i < 3; ++i) dilations[i] = params.dilations[i] - 1; // oneDNN counts the gaps
  return api.convolution_forward_primitive_desc_create(
      out, api.engine, dnnl_forward_inference, dnnl_convolution_direct, in.src, in.weights,
      in.bias, in.dst, params.strides, dilations, params.pads_begin, params.pads_end, in.attr);
}

int prepare(const cnnc_library_call* call, void** state) {
  const auto& params = *static_cast<const DnnlConvolutionParams*>(call->params);
  if (call->params_bytes != sizeof params || params.rank < 3 || params.rank > 5 ||
      call->size_count != 2 * params.rank || params.groups == 0 ||
      params.epilogue.post_op_count > kMaxDnnlPostOps || call->arg_count < 3) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  DnnlStepShape shape{};
  shape.src = dnnl_activation(params.rank, call->sizes, params.channels_last);
  shape.dst = dnnl_activation(params.rank, call->sizes + params.rank, params.channels_last);
  shape.weights = weights_shape(params);
  shape.bias = {1, {params.weights[0]}, {1}};
  shape.epilogue = &params.epilogue;
  return prepare_dnnl_step(*call, shape, create, state);
}

} // namespace
} // namespace cnnc

extern "C" const cnnc_library_step cnnc_dnnl_convolution;
const cnnc_library_step cnnc_dnnl_convolution = {"dnnl:convolution", cnnc::prepare,
                                                 cnnc::run_dnnl_step, cnnc::release_dnnl_step};
