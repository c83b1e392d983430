// Max and average pooling by oneDNN.
#include <stdio.h>

#include "runtime/cnnc.h"
#include "runtime/dnnl_step.h"

namespace cnnc {
namespace {

constexpr dnnl_alg_kind_t kAlgorithms[] = {
    dnnl_pooling_max, dnnl_pooling_avg_exclude_padding, dnnl_pooling_avg_include_padding};

dnnl_status_t create(const DnnlApi& api, const void* blob, const DnnlDescriptors& in,
                     dnnl_primitive_desc_t* out) {
  const auto& params = *static_cast<const DnnlPoolingParams*>(blob);
  dnnl_dims_t dilations;
  for (int i = 0; i < 3; ++i) dilations[i] = params.dilations[i] - 1; // oneDNN counts the gaps
  return api.pooling_forward_primitive_desc_create(
      out, api.engine, dnnl_forward_inference, kAlgorithms[params.kind], in.src, in.dst,
      params.strides, params.kernel, dilations, params.pads_begin, params.pads_end, in.attr);
}

int prepare(const cnnc_library_call* call, void** state) {
  static constexpr DnnlEpilogue kNoEpilogue{};
  const auto& params = *static_cast<const DnnlPoolingParams*>(call->params);
  if (call->params_bytes != sizeof params || params.rank < 3 || params.rank > 5 ||
      params.kind > kDnnlAverageWithPadding || call->size_count != 2 * params.rank ||
      call->arg_count != 2) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  DnnlStepShape shape{};
  shape.src = dnnl_activation(params.rank, call->sizes, params.channels_last);
  shape.dst = dnnl_activation(params.rank, call->sizes + params.rank, params.channels_last);
  shape.epilogue = &kNoEpilogue;
  return prepare_dnnl_step(*call, shape, create, state);
}

} // namespace
} // namespace cnnc

extern "C" const cnnc_library_step cnnc_dnnl_pooling;
const cnnc_library_step cnnc_dnnl_pooling = {"dnnl:pooling", cnnc::prepare, cnnc::run_dnnl_step,
                                             cnnc::release_dnnl_step};
