// Batched matrix product by oneDNN; constant weights are packed once.
#include <stdio.h>

#include <algorithm>

#include "runtime/cnnc.h"
#include "runtime/dnnl_step.h"

namespace cnnc {
namespace {

// Batch axes may be 1, which broadcasts. `transposed`: the last two axes are swapped in memory.
DnnlShape matrix(uint32_t rank, const int64_t* dims, bool transposed) {
  DnnlShape shape{static_cast<int32_t>(rank), {}, {}};
  uint32_t order[DNNL_MAX_NDIMS];
  for (uint32_t i = 0; i < rank; ++i) order[i] = i;
  if (transposed) std::swap(order[rank - 1], order[rank - 2]);
  int64_t stride = 1;
  for (uint32_t i = rank; i-- > 0;) {
    shape.dims[i] = dims[i];
    shape.strides[order[i]] = stride;
    stride *= dims[order[i]];
  }
  return shape;
}

DnnlShape bias_shape(uint32_t rank, int64_t columns) {
  DnnlShape shape{static_cast<int32_t>(rank), {}, {}};
  for (uint32_t i = 0; i + 1 < rank; ++i) {
    shape.dims[i] = 1;
    shape.strides[i] = columns;
  }
  shape.dims[rank - 1] = columns;
  shape.strides[rank - 1] = 1;
  return shape;
}

dnnl_status_t create(const DnnlApi& api, const void*, const DnnlDescriptors& in,
                     dnnl_primitive_desc_t* out) {
  return api.matmul_primitive_desc_create(out, api.engine, in.src, in.weights, in.bias, in.dst,
                                          in.attr);
}

int prepare(const cnnc_library_call* call, void** state) {
  const auto& params = *static_cast<const DnnlMatmulParams*>(call->params);
  if (call->params_bytes != sizeof params || params.rank < 2 || params.rank > DNNL_MAX_NDIMS ||
      call->size_count != 3 * params.rank ||
      params.epilogue.post_op_count > kMaxDnnlPostOps || call->arg_count < 3) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  const int64_t* dst = call->sizes + 2 * params.rank;
  DnnlStepShape shape{};
  shape.src = matrix(params.rank, call->sizes, params.transposed_src);
  shape.weights = matrix(params.rank, call->sizes + params.rank, params.transposed_weights);
  shape.dst = matrix(params.rank, dst, false);
  shape.bias = bias_shape(params.rank, dst[params.rank - 1]);
  shape.epilogue = &params.epilogue;
  return prepare_dnnl_step(*call, shape, create, state);
}

} // namespace
} // namespace cnnc

extern "C" const cnnc_library_step cnnc_dnnl_matmul;
const cnnc_library_step cnnc_dnnl_matmul = {"dnnl:matmul", cnnc::prepare, cnnc::run_dnnl_step,
                                            cnnc::release_dnnl_step};
