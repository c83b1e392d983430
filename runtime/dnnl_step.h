// What oneDNN steps have in common: a primitive with its memories, weights packed once.
#ifndef RUNTIME_DNNL_STEP_H_
#define RUNTIME_DNNL_STEP_H_

#include "runtime/dnnl_api.h"
#include "runtime/dnnl_params.h"
#include "runtime/memory_block.h"
#include "runtime/model.h"

namespace cnnc {

constexpr uint32_t kMaxDnnlOperands = 4 + kMaxDnnlPostOps;

// Logical dims and strides in elements of one tensor.
struct DnnlShape {
  int32_t rank;
  dnnl_dims_t dims, strides;
};

// Makes the primitive descriptor of one kind; any of the descriptors may be replaced by `any`.
struct DnnlDescriptors {
  dnnl_memory_desc_t src, weights, bias, dst;
  dnnl_primitive_attr_t attr;
};
using DnnlCreate = dnnl_status_t (*)(const DnnlApi& api, const void* params,
                                     const DnnlDescriptors& descriptors,
                                     dnnl_primitive_desc_t* out);

// N, C, spatial; in memory channels come last or second.
DnnlShape dnnl_activation(uint32_t rank, const int64_t* dims, bool channels_last);

struct DnnlStepShape {
  DnnlShape src, weights, bias, dst; // weights of rank 0: there are none
  const DnnlEpilogue* epilogue;
};

// Prepares *state for these shapes, keeping weights that are packed alike. Returns a cnnc_status.
int prepare_dnnl_step(const cnnc_library_call& call, const DnnlStepShape& shape, DnnlCreate create,
                      void** state);
int run_dnnl_step(void* state, void* const* args);
void release_dnnl_step(void* state);

} // namespace cnnc

#endif // RUNTIME_DNNL_STEP_H_
