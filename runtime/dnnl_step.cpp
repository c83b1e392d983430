#include "runtime/dnnl_step.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include <initializer_list>
#include <new>

#include "runtime/cnnc.h"

namespace cnnc {
namespace {

static_assert(kDnnlRelu == int32_t{dnnl_eltwise_relu});
static_assert(kDnnlClip == int32_t{dnnl_eltwise_clip});
static_assert(kDnnlAdd == int32_t{dnnl_binary_add});

// oneDNN takes its number of threads from OpenMP's setting of the calling thread.
class ThreadsScope {
 public:
  explicit ThreadsScope(int32_t threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
  }
  ThreadsScope(const ThreadsScope&) = delete;
  ThreadsScope& operator=(const ThreadsScope&) = delete;
  ~ThreadsScope() { omp_set_num_threads(before_); }

 private:
  int before_;
};

// The handles of one prepared primitive; replaced as a whole when shapes change.
struct DnnlStep {
  const DnnlApi* api;
  int32_t threads;
  dnnl_primitive_t primitive;
  dnnl_memory_t memories[kMaxDnnlOperands];
  dnnl_exec_arg_t args[kMaxDnnlOperands];
  uint32_t count;
  bool has_packed_weights;
  dnnl_memory_desc_t packed_desc;
  MemoryBlock packed;

  void release_primitive() {
    for (uint32_t i = 0; i < count; ++i) {
      if (memories[i]) api->memory_destroy(memories[i]);
      memories[i] = nullptr;
    }
    if (primitive) api->primitive_destroy(primitive);
    primitive = nullptr;
    count = 0;
  }
};

// Builds a step's primitive; every function returns false once oneDNN has refused something.
class Builder {
 public:
  Builder(const cnnc_library_call& call, const DnnlStepShape& shape, DnnlStep* step)
      : call_(call), shape_(shape), step_(*step), api_(*step->api) {}

  ~Builder() {
    if (descriptor_) api_.primitive_desc_destroy(descriptor_);
    if (post_ops_) api_.post_ops_destroy(post_ops_);
    if (in_.attr) api_.primitive_attr_destroy(in_.attr);
    for (dnnl_memory_desc_t desc : {in_.src, in_.weights, in_.bias, in_.dst, plain_weights_}) {
      if (desc) api_.memory_desc_destroy(desc);
    }
  }

  bool build(DnnlCreate create) {
    step_.release_primitive();
    return describe() && set_epilogue() &&
           ok(create(api_, call_.params, in_, &descriptor_)) &&
           ok(api_.primitive_create(&step_.primitive, descriptor_)) && pack_weights() &&
           add_operands();
  }

 private:
  static bool ok(dnnl_status_t status) { return status == dnnl_success; }

  bool describe(const DnnlShape& shape, dnnl_memory_desc_t* out) {
    return ok(api_.memory_desc_create_with_strides(out, shape.rank, shape.dims, dnnl_f32,
                                                   shape.strides));
  }

  bool describe() {
    const DnnlShape& weights = shape_.weights;
    if (!describe(shape_.src, &in_.src) || !describe(shape_.dst, &in_.dst)) return false;
    if (weights.rank == 0) return true;
    packs_ = call_.constants[1] != nullptr;
    return describe(weights, &plain_weights_) &&
           (packs_ ? ok(api_.memory_desc_create_with_tag(&in_.weights, weights.rank, weights.dims,
                                                         dnnl_f32, dnnl_format_tag_any))
                   : describe(weights, &in_.weights)) &&
           (!shape_.epilogue->has_bias || describe(shape_.bias, &in_.bias));
  }

  bool set_epilogue() {
    if (!ok(api_.primitive_attr_create(&in_.attr)) || !ok(api_.post_ops_create(&post_ops_))) {
      return false;
    }
    for (uint32_t i = 0; i < shape_.epilogue->post_op_count; ++i) {
      const DnnlPostOp& op = shape_.epilogue->post_ops[i];
      const auto algorithm = static_cast<dnnl_alg_kind_t>(op.algorithm);
      const dnnl_status_t status =
          algorithm == dnnl_binary_add
              ? api_.post_ops_append_binary(post_ops_, algorithm, in_.dst)
              : api_.post_ops_append_eltwise(post_ops_, algorithm, op.alpha, op.beta);
      if (!ok(status)) return false;
    }
    return ok(api_.primitive_attr_set_post_ops(in_.attr, post_ops_));
  }

  // The layout that oneDNN chose may change with the shapes; mostly it does not.
  bool pack_weights() {
    if (!packs_) return true;
    const_dnnl_memory_desc_t chosen =
        api_.primitive_desc_query_md(descriptor_, dnnl_query_weights_md, 0);
    if (step_.has_packed_weights && api_.memory_desc_equal(step_.packed_desc, chosen)) return true;
    if (!step_.packed.reserve(api_.memory_desc_get_size(chosen))) return false;
    dnnl_memory_t from = nullptr, to = nullptr;
    const bool done = ok(api_.memory_create(&from, plain_weights_, api_.engine,
                                            call_.constants[1])) &&
                      ok(api_.memory_create(&to, chosen, api_.engine, step_.packed.data())) &&
                      reorder(from, to, chosen);
    if (from) api_.memory_destroy(from);
    if (to) api_.memory_destroy(to);
    return done && keep_packed_desc(chosen);
  }

  bool reorder(dnnl_memory_t from, dnnl_memory_t to, const_dnnl_memory_desc_t chosen) {
    dnnl_primitive_desc_t desc = nullptr;
    dnnl_primitive_t primitive = nullptr;
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    const bool done = ok(api_.reorder_primitive_desc_create(&desc, plain_weights_, api_.engine,
                                                            chosen, api_.engine, nullptr)) &&
                      ok(api_.primitive_create(&primitive, desc)) &&
                      ok(api_.primitive_execute(primitive, api_.stream, 2, args)) &&
                      ok(api_.stream_wait(api_.stream));
    if (primitive) api_.primitive_destroy(primitive);
    if (desc) api_.primitive_desc_destroy(desc);
    return done;
  }

  bool keep_packed_desc(const_dnnl_memory_desc_t chosen) {
    if (step_.packed_desc) api_.memory_desc_destroy(step_.packed_desc);
    step_.packed_desc = nullptr;
    step_.has_packed_weights = ok(api_.memory_desc_clone(&step_.packed_desc, chosen));
    return step_.has_packed_weights;
  }

  bool add_operand(int32_t arg, const_dnnl_memory_desc_t desc, void* data) {
    dnnl_memory_t& memory = step_.memories[step_.count];
    if (!ok(api_.memory_create(&memory, desc, api_.engine, data))) return false;
    step_.args[step_.count++] = {arg, memory};
    return true;
  }

  bool add_operands() {
    const const_dnnl_memory_desc_t weights = packs_ ? step_.packed_desc : in_.weights;
    void* packed = packs_ ? step_.packed.data() : nullptr;
    bool done = add_operand(DNNL_ARG_SRC, in_.src, nullptr);
    if (weights) done = done && add_operand(DNNL_ARG_WEIGHTS, weights, packed);
    if (shape_.epilogue->has_bias) done = done && add_operand(DNNL_ARG_BIAS, in_.bias, nullptr);
    for (uint32_t i = 0; i < shape_.epilogue->post_op_count; ++i) {
      if (shape_.epilogue->post_ops[i].algorithm != dnnl_binary_add) continue;
      const int32_t arg =
          DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int32_t>(i)) | DNNL_ARG_SRC_1;
      done = done && add_operand(arg, in_.dst, nullptr);
    }
    return done && add_operand(DNNL_ARG_DST, in_.dst, nullptr) && step_.count == call_.arg_count;
  }

  const cnnc_library_call& call_;
  const DnnlStepShape& shape_;
  DnnlStep& step_;
  const DnnlApi& api_;
  DnnlDescriptors in_{};
  dnnl_memory_desc_t plain_weights_ = nullptr;
  dnnl_post_ops_t post_ops_ = nullptr;
  dnnl_primitive_desc_t descriptor_ = nullptr;
  bool packs_ = false;
};

DnnlStep* step_of(const cnnc_library_call& call, void** state) {
  if (*state) return static_cast<DnnlStep*>(*state);
  const DnnlApi* api = dnnl_api(call.error, call.error_bytes);
  void* memory = api ? calloc(1, sizeof(DnnlStep)) : nullptr;
  if (!memory) return nullptr;
  DnnlStep* step = new (memory) DnnlStep{};
  step->api = api;
  *state = step;
  return step;
}

} // namespace

DnnlShape dnnl_activation(uint32_t rank, const int64_t* dims, bool channels_last) {
  DnnlShape shape{static_cast<int32_t>(rank), {}, {}};
  for (uint32_t i = 0; i < rank; ++i) shape.dims[i] = dims[i];
  int64_t stride = 1;
  if (channels_last) {
    shape.strides[1] = 1;
    stride = dims[1];
  }
  for (uint32_t i = rank; i-- > 0;) {
    if (i == 1 && channels_last) continue;
    shape.strides[i] = stride;
    stride *= dims[i];
  }
  return shape;
}

int prepare_dnnl_step(const cnnc_library_call& call, const DnnlStepShape& shape, DnnlCreate create,
                      void** state) {
  DnnlStep* step = step_of(call, state);
  if (!step) return CNNC_LIBRARY_ERROR;
  step->threads = call.threads;
  const ThreadsScope threads(call.threads);
  if (Builder(call, shape, step).build(create)) return CNNC_OK;
  snprintf(call.error, call.error_bytes, "oneDNN has no implementation for these shapes");
  return CNNC_LIBRARY_ERROR;
}

int run_dnnl_step(void* state, void* const* args) {
  DnnlStep& step = *static_cast<DnnlStep*>(state);
  const DnnlApi& api = *step.api;
  const ThreadsScope threads(step.threads);
  for (uint32_t i = 0; i < step.count; ++i) {
    if (i == 1 && step.has_packed_weights) continue;
    if (api.memory_set_data_handle(step.memories[i], args[i]) != dnnl_success) {
      return CNNC_LIBRARY_ERROR;
    }
  }
  const dnnl_status_t status = api.primitive_execute(
      step.primitive, api.stream, static_cast<int>(step.count), step.args);
  if (status != dnnl_success || api.stream_wait(api.stream) != dnnl_success) {
    return CNNC_LIBRARY_ERROR;
  }
  return CNNC_OK;
}

void release_dnnl_step(void* state) {
  DnnlStep* step = static_cast<DnnlStep*>(state);
  step->release_primitive();
  if (step->packed_desc) step->api->memory_desc_destroy(step->packed_desc);
  step->~DnnlStep();
  free(step);
}

} // namespace cnnc
