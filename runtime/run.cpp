// cnnc_prepare and cnnc_run.
#include "runtime/control.h"
#include "runtime/executable.h"
#include "runtime/host_tensor.h"
#include "runtime/overlap.h"
#include "runtime/team.h"

namespace cnnc {
namespace {

// Marks the executable as in use for as long as it lives.
class Busy {
 public:
  explicit Busy(cnnc_executable* exe)
      : flag_(&exe->busy), entered_(!__atomic_exchange_n(flag_, 1, __ATOMIC_ACQUIRE)) {}
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    if (entered_) __atomic_store_n(flag_, 0, __ATOMIC_RELEASE);
  }
  bool entered() const { return entered_; }

 private:
  int* flag_;
  bool entered_;
};

size_t element_alignment(int32_t dtype) {
  const uint32_t bytes = cnnc_dtype_bits(dtype) / 8;
  return bytes > 8 ? 8 : bytes ? bytes : 1;
}

// The memory of an input or output must be there, large enough and aligned.
bool check_memory(cnnc_executable* exe, const char* what, const TensorRecord& tensor,
                  const cnnc_tensor_view& view, int64_t needed) {
  const char* name = exe->plan.text(tensor.name);
  if (needed < 0 || static_cast<uint64_t>(needed) > view.bytes) {
    return exe->error.set("%s '%s' has %zu bytes of memory, its shape needs %lld", what, name,
                          view.bytes, static_cast<long long>(needed));
  }
  if (needed > 0 && !view.data) return exe->error.set("%s '%s' has no memory", what, name);
  if (reinterpret_cast<uintptr_t>(view.data) % element_alignment(tensor.dtype)) {
    return exe->error.set("%s '%s' is at address %p, which is not aligned to its type %s", what,
                          name, view.data, cnnc_dtype_name(tensor.dtype));
  }
  return true;
}

// Kernels follow every address.
bool check_texts(cnnc_executable* exe, const TensorRecord& input, const cnnc_tensor_view& view) {
  if (input.dtype != CNNC_STRING) return true;
  const auto* texts = static_cast<const char* const*>(view.data);
  const int64_t count = element_count(view.rank, view.dims);
  for (int64_t i = 0; i < count; ++i) {
    if (texts[i]) continue;
    return exe->error.set("input '%s': element %lld is NULL, need a text that ends with a zero byte",
                          exe->plan.text(input.name), static_cast<long long>(i));
  }
  return true;
}

int64_t view_bytes(const cnnc_tensor_view& view) {
  return tensor_bytes(view.dtype, view.rank, view.dims);
}

void describe_output(const cnnc_executable& exe, const TensorRecord& output,
                     cnnc_tensor_view* view) {
  view->dtype = output.dtype;
  view->rank = static_cast<int32_t>(output.rank);
  for (uint32_t d = 0; d < output.rank; ++d) {
    view->dims[d] = exe.values[exe.plan.dims[output.first_dim + d].value];
  }
}

bool check_output_count(cnnc_executable* exe, int32_t count) {
  if (count == cnnc_output_count(exe)) return true;
  return exe->error.set("%d outputs given, the model has %d", count, cnnc_output_count(exe));
}

bool check_views(cnnc_executable* exe, const cnnc_tensor_view* inputs, cnnc_tensor_view* outputs) {
  const Plan& plan = exe->plan;
  for (uint32_t i = 0; i < plan.inputs.count; ++i) {
    if (!check_memory(exe, "input", plan.inputs[i], inputs[i], view_bytes(inputs[i])) ||
        !check_texts(exe, plan.inputs[i], inputs[i])) {
      return false;
    }
  }
  for (uint32_t i = 0; i < plan.outputs.count; ++i) {
    describe_output(*exe, plan.outputs[i], &outputs[i]);
    if (plan.outputs[i].updates != kNone) {
      outputs[i].data = inputs[plan.outputs[i].updates].data;
      outputs[i].bytes = inputs[plan.outputs[i].updates].bytes;
    }
    if (!check_memory(exe, "output", plan.outputs[i], outputs[i], view_bytes(outputs[i]))) {
      return false;
    }
  }
  return check_overlap(exe, inputs, outputs);
}

void set_boundary_args(cnnc_executable* exe, const cnnc_tensor_view* inputs,
                       const cnnc_tensor_view* outputs) {
  for (uint32_t i = 0; i < exe->boundary_operand_count; ++i) {
    const BoundaryOperand& operand = exe->boundary_operands[i];
    const cnnc_tensor_view& view = (operand.is_output ? outputs : inputs)[operand.index];
    exe->args[operand.operand] = static_cast<char*>(view.data) + operand.offset;
  }
}

cnnc_status run_program(cnnc_executable* exe) {
  const Scratch scratch{exe->scratch.data(), static_cast<size_t>(exe->scratch_stride)};
  const int64_t failed = run_all_steps(exe, scratch);
  if (failed < 0) return CNNC_OK;
  const auto index = static_cast<uint32_t>(failed);
  exe->error.set("step '%s' failed in %s", exe->plan.text(exe->plan.steps[index].name),
                 exe->steps[index].library->name);
  return static_cast<cnnc_status>(exe->steps[index].status);
}

} // namespace
} // namespace cnnc

using namespace cnnc;

cnnc_status cnnc_prepare(cnnc_executable* exe, const cnnc_tensor_view* inputs, int32_t input_count,
                         cnnc_tensor_view* outputs, int32_t output_count) {
  const Busy busy(exe);
  if (!busy.entered()) return CNNC_BUSY;
  exe->error.text[0] = 0;
  if (!check_output_count(exe, output_count)) return CNNC_INVALID_ARGUMENT;
  const cnnc_status status = bind_inputs(exe, inputs, input_count);
  if (status != CNNC_OK) return status;
  for (uint32_t i = 0; i < exe->plan.outputs.count; ++i) {
    describe_output(*exe, exe->plan.outputs[i], &outputs[i]);
    outputs[i].bytes = static_cast<size_t>(view_bytes(outputs[i]));
  }
  return CNNC_OK;
}

cnnc_status cnnc_run(cnnc_executable* exe, const cnnc_tensor_view* inputs, int32_t input_count,
                     cnnc_tensor_view* outputs, int32_t output_count) {
  const Busy busy(exe);
  if (!busy.entered()) return CNNC_BUSY;
  exe->error.text[0] = 0;
  if (!check_output_count(exe, output_count)) return CNNC_INVALID_ARGUMENT;
  const cnnc_status status = bind_inputs(exe, inputs, input_count);
  if (status != CNNC_OK) return status;
  if (!check_views(exe, inputs, outputs)) return CNNC_INVALID_ARGUMENT;
  set_boundary_args(exe, inputs, outputs);
  return run_program(exe);
}
