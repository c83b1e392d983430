#include "runtime/executable.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <new>

#include "runtime/cpu_features.h"
#include "runtime/thread_count.h"

namespace cnnc {
namespace {

cnnc_status check_model(const cnnc_model* model, ErrorText* error) {
  if (!model || model->magic != CNNC_MODEL_MAGIC) {
    error->set("this is no compiled model: its mark is missing");
    return CNNC_INVALID_MODEL;
  }
  if (model->abi_version != CNNC_MODEL_ABI) {
    error->set("the model was compiled for runtime interface %u, this runtime has %u; compile it "
               "again with this version of cnnc",
               model->abi_version, CNNC_MODEL_ABI);
    return CNNC_INVALID_MODEL;
  }
  return CNNC_OK;
}

cnnc_status check_cpu(uint64_t needed, ErrorText* error) {
  const uint64_t missing = needed & ~host_cpu_features();
  if (!missing) return CNNC_OK;
  char names[256] = "";
  for (uint32_t i = 0; i < 64; ++i) {
    if (!(missing >> i & 1)) continue;
    const size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
             cpu_feature_name(static_cast<CpuFeature>(i)));
  }
  error->set("this CPU lacks %s, which the model was compiled for; compile it with "
             "--target=x86-64-v3, x86-64-v2 or x86-64",
             names);
  return CNNC_UNSUPPORTED_CPU;
}

cnnc_status open_model(cnnc_executable* exe) {
  const cnnc_model* model = exe->model;
  cnnc_status status = check_model(model, &exe->error);
  if (status == CNNC_OK) status = check_cpu(model->cpu_features, &exe->error);
  if (status != CNNC_OK) return status;
  const PlanLimits limits{model->weights_bytes, model->kernel_count, model->library_count};
  const bool ok = open_plan(model->plan, model->plan_bytes, limits, &exe->plan, &exe->error);
  return ok ? CNNC_OK : CNNC_INVALID_MODEL;
}

uint32_t slice_operand_count(const Plan& plan) {
  uint32_t count = 0;
  for (const OperandRecord& operand : plan.operands) {
    const BufferRecord* buffer = &plan.buffers[operand.buffer];
    while (buffer->kind == BufferKind::view) buffer = &plan.buffers[buffer->base];
    count += buffer->kind == BufferKind::slice;
  }
  return count;
}

bool allocate_tables(cnnc_executable* exe) {
  const Plan& plan = exe->plan;
  return exe->symbol_values.allocate(plan.symbols.count) &&
         exe->candidate_symbols.allocate(plan.symbols.count) &&
         exe->values.allocate(plan.value_count) && exe->places.allocate(plan.buffers.count) &&
         exe->arena_buffers.allocate(plan.buffers.count) &&
         exe->arena_workspace.allocate(size_t{2} * plan.buffers.count) &&
         exe->args.allocate(plan.operands.count) &&
         exe->ranges.allocate(size_t{plan.inputs.count} + plan.outputs.count) &&
         exe->checked_ranges.allocate(size_t{plan.inputs.count} + plan.outputs.count) &&
         exe->step_sizes.allocate(plan.sizes.count) &&
         exe->boundary_operands.allocate(plan.operands.count) &&
         exe->slice_operands.allocate(slice_operand_count(plan)) &&
         exe->steps.allocate(plan.steps.count);
}

void link_steps(cnnc_executable* exe) {
  for (uint32_t i = 0; i < exe->plan.steps.count; ++i) {
    const StepRecord& record = exe->plan.steps[i];
    RunStep& step = exe->steps[i];
    if (record.flags & kControlStep) {
      // What comes next is decided when it is reached.
    } else if (record.flags & kLibraryStep) {
      step.library = exe->model->libraries[record.kernel];
    } else {
      step.kernel = exe->model->kernels[record.kernel];
    }
    step.args = exe->args.data() + record.first_operand;
    step.sizes = exe->step_sizes.data() + record.first_size;
  }
}

void apply_options(cnnc_executable* exe, const cnnc_options& options) {
  exe->profile = options.profile != 0;
  exe->max_bytes = options.max_bytes;
  if (!exe->max_bytes) {
    exe->max_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                     static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }
  if (exe->max_bytes > kAddressSpace) exe->max_bytes = kAddressSpace;
}

void choose_threads(cnnc_executable* exe, int32_t asked) {
  const auto compiled = static_cast<int32_t>(exe->plan.threads);
  exe->threads = asked > 0 ? asked : compiled > 0 ? compiled : default_thread_count();
  if (exe->threads > kMaxThreads) exe->threads = kMaxThreads;
}

cnnc_status set_up(cnnc_executable* exe, const cnnc_options& options) {
  apply_options(exe, options);
  const cnnc_status status = open_model(exe);
  if (status != CNNC_OK) return status;
  choose_threads(exe, options.threads);
  if (!allocate_tables(exe)) {
    exe->error.set("out of memory while opening the model");
    return CNNC_OUT_OF_MEMORY;
  }
  exe->team = create_team(exe->threads, options.flush_denormals != 0);
  if (!exe->team) {
    exe->error.set("out of memory while starting %d threads", exe->threads);
    return CNNC_OUT_OF_MEMORY;
  }
  link_steps(exe);
  return exe->plan.symbols.count == 0 ? bind_symbols(exe) : CNNC_OK;
}

cnnc_status tensor_info(const cnnc_executable* exe, const Records<TensorRecord>& tensors,
                        int32_t index, cnnc_tensor_info* out) {
  if (index < 0 || static_cast<uint32_t>(index) >= tensors.count) return CNNC_INVALID_ARGUMENT;
  const TensorRecord& tensor = tensors[static_cast<uint32_t>(index)];
  const Plan& plan = exe->plan;
  *out = cnnc_tensor_info{};
  out->name = plan.text(tensor.name);
  out->dtype = tensor.dtype;
  out->rank = static_cast<int32_t>(tensor.rank);
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    const DimRecord& dim = plan.dims[tensor.first_dim + i];
    out->dims[i] = dim.fixed;
    out->dim_texts[i] = plan.text(dim.text);
    if (dim.symbol != kNone) out->dim_symbols[i] = plan.text(plan.symbols[dim.symbol].name);
  }
  return CNNC_OK;
}

} // namespace
} // namespace cnnc

using namespace cnnc;

cnnc_status cnnc_create(const cnnc_model* model, const cnnc_options* options,
                        cnnc_executable** out) {
  const cnnc_options chosen = options ? *options : cnnc_options{};
  *out = nullptr;
  void* memory = calloc(1, sizeof(cnnc_executable));
  if (!memory) return CNNC_OUT_OF_MEMORY;
  cnnc_executable* exe = new (memory) cnnc_executable{};
  exe->model = model;
  const cnnc_status status = set_up(exe, chosen);
  if (status == CNNC_OK) {
    *out = exe;
    return CNNC_OK;
  }
  if (chosen.error && chosen.error_bytes) {
    snprintf(chosen.error, chosen.error_bytes, "%s", exe->error.text);
  }
  cnnc_destroy(exe);
  return status;
}

void cnnc_destroy(cnnc_executable* exe) {
  if (!exe) return;
  destroy_team(exe->team);
  for (RunStep& step : exe->steps) {
    if (step.state) step.library->release(step.state);
  }
  exe->~cnnc_executable();
  free(exe);
}

int32_t cnnc_input_count(const cnnc_executable* exe) {
  return static_cast<int32_t>(exe->plan.inputs.count);
}

int32_t cnnc_output_count(const cnnc_executable* exe) {
  return static_cast<int32_t>(exe->plan.outputs.count);
}

cnnc_status cnnc_input_info(const cnnc_executable* exe, int32_t index, cnnc_tensor_info* out) {
  return tensor_info(exe, exe->plan.inputs, index, out);
}

cnnc_status cnnc_output_info(const cnnc_executable* exe, int32_t index, cnnc_tensor_info* out) {
  return tensor_info(exe, exe->plan.outputs, index, out);
}

int32_t cnnc_output_updates(const cnnc_executable* exe, int32_t index) {
  const Records<TensorRecord>& outputs = exe->plan.outputs;
  if (index < 0 || static_cast<uint32_t>(index) >= outputs.count) return -1;
  const uint32_t input = outputs[static_cast<uint32_t>(index)].updates;
  return input == kNone ? -1 : static_cast<int32_t>(input);
}

const char* cnnc_last_error(const cnnc_executable* exe) { return exe->error.text; }

int32_t cnnc_thread_count(const cnnc_executable* exe) { return exe->threads; }

uint64_t cnnc_memory_bytes(const cnnc_executable* exe) {
  return static_cast<uint64_t>(exe->arena_bytes + exe->scratch_stride * exe->threads);
}

int32_t cnnc_step_count(const cnnc_executable* exe) {
  return static_cast<int32_t>(exe->plan.steps.count);
}

cnnc_status cnnc_step_query(const cnnc_executable* exe, int32_t index, cnnc_step_info* out) {
  const Plan& plan = exe->plan;
  if (index < 0 || static_cast<uint32_t>(index) >= plan.steps.count) return CNNC_INVALID_ARGUMENT;
  const auto i = static_cast<uint32_t>(index);
  const StepRecord& step = plan.steps[i];
  const auto value = [&](uint32_t v) { return v == kNone ? -1 : exe->values[v]; };
  *out = {plan.text(step.name), plan.text(step.kernel_name), plan.text(step.sources),
          exe->steps[i].calls,  exe->steps[i].nanoseconds,   value(step.flops_value),
          value(step.bytes_value)};
  return CNNC_OK;
}
