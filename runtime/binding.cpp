// Fits an executable to the shapes of its inputs: symbols from shapes, sizes from symbols, then
// buffers, addresses and the schedule from sizes.
#include <string.h>

#include <algorithm>

#include "runtime/executable.h"
#include "runtime/host_tensor.h"

namespace cnnc {
namespace {

constexpr int64_t kUnbound = -1;

class Binder {
 public:
  explicit Binder(cnnc_executable* exe) : exe_(*exe), plan_(exe->plan) {}

  cnnc_status bind() {
    exe_.is_bound = false;
    exe_.model->sizes(exe_.candidate_symbols.data(), exe_.values.data());
    cnnc_status status = check_conditions();
    if (status == CNNC_OK) status = check_output_dims();
    if (status == CNNC_OK) status = place_buffers();
    if (status == CNNC_OK) status = place_texts(&exe_);
    if (status == CNNC_OK) status = plan_memory();
    if (status != CNNC_OK) return status;
    set_constant_args();
    evaluate_steps();
    status = prepare_libraries();
    if (status != CNNC_OK) return status;
    set_operands();
    schedule(plan_, exe_.values.data(), exe_.steps.data());
    memcpy(exe_.symbol_values.data(), exe_.candidate_symbols.data(),
           plan_.symbols.count * sizeof(int64_t));
    exe_.is_bound = true;
    return CNNC_OK;
  }

 private:
  template <typename... Args>
  cnnc_status fail(cnnc_status status, const char* format, Args... args) {
    exe_.error.set(format, args...);
    return status;
  }

  int64_t value(uint32_t index) const { return exe_.values[index]; }

  cnnc_status check_conditions() {
    for (const ConditionRecord& condition : plan_.conditions) {
      if (value(condition.value) == 0) continue;
      return fail(CNNC_INVALID_ARGUMENT, "these inputs do not fit each other, the model needs %s",
                  plan_.text(condition.text));
    }
    return CNNC_OK;
  }

  cnnc_status check_output_dims() {
    int64_t dims[CNNC_MAX_RANK];
    for (const TensorRecord& output : plan_.outputs) {
      if (output.updates != kNone) continue; // lies in an input
      for (uint32_t d = 0; d < output.rank; ++d) {
        const DimRecord& dim = plan_.dims[output.first_dim + d];
        const int64_t size = dims[d] = value(dim.value);
        if (size < 0 || size > static_cast<int64_t>(exe_.max_bytes)) {
          return fail(CNNC_INVALID_ARGUMENT,
                      "with these inputs dimension %u (%s) of output '%s' would be %lld", d,
                      plan_.text(dim.text), plan_.text(output.name), static_cast<long long>(size));
        }
      }
      const auto bytes = static_cast<uint64_t>(
          tensor_bytes(output.dtype, static_cast<int32_t>(output.rank), dims));
      if (bytes > exe_.max_bytes) { // an overflow is -1, the largest of all
        return fail(CNNC_OUT_OF_MEMORY,
                    "with these inputs output '%s' would be larger than the limit of %llu bytes",
                    plan_.text(output.name), static_cast<unsigned long long>(exe_.max_bytes));
      }
    }
    return CNNC_OK;
  }

  // A view comes after what it views, so one walk resolves all.
  cnnc_status place_buffers() {
    for (uint32_t i = 0; i < plan_.buffers.count; ++i) {
      const BufferRecord& buffer = plan_.buffers[i];
      BufferPlace& place = exe_.places[i];
      place = {i, 0, value(buffer.bytes_value)};
      const uint64_t limit = buffer.kind == BufferKind::arena ? exe_.max_bytes : kAddressSpace;
      if (place.bytes < 0 || place.bytes > static_cast<int64_t>(limit)) {
        return fail(CNNC_OUT_OF_MEMORY,
                    "with these shapes one tensor needs %lld bytes, the limit is %llu",
                    static_cast<long long>(place.bytes),
                    static_cast<unsigned long long>(limit));
      }
      if (!fits(buffer, &place)) {
        return fail(CNNC_INVALID_MODEL, "the compiled model is damaged: buffer %u does not fit", i);
      }
    }
    return CNNC_OK;
  }

  bool fits(const BufferRecord& buffer, BufferPlace* place) const {
    if (buffer.kind == BufferKind::constant || buffer.kind == BufferKind::strings) {
      return buffer.offset + static_cast<uint64_t>(place->bytes) <= exe_.model->weights_bytes;
    }
    if (buffer.kind == BufferKind::slice) return fits_slices(buffer, *place);
    if (buffer.kind != BufferKind::view) return true;
    const BufferPlace& base = exe_.places[buffer.base];
    const int64_t offset = value(buffer.offset_value);
    if (offset < 0 || offset > base.bytes - place->bytes) return false;
    place->root = base.root;
    place->offset = base.offset + offset;
    return true;
  }

  // There is a slice for every trip.
  bool fits_slices(const BufferRecord& slice, const BufferPlace& place) const {
    const int64_t trips = fixed_trips(plan_.steps[static_cast<uint32_t>(slice.offset)]);
    const int64_t whole = exe_.places[slice.base].bytes;
    return trips <= 0 || place.bytes == 0 || trips <= whole / place.bytes;
  }

  // Uses of a view keep what it views alive.
  void collect_live_ranges() {
    for (uint32_t i = 0; i < plan_.buffers.count; ++i) {
      const BufferRecord& buffer = plan_.buffers[i];
      const bool own = buffer.kind == BufferKind::arena;
      exe_.arena_buffers[i] = {own ? exe_.places[i].bytes : 0, buffer.first_step, buffer.last_step,
                               0};
    }
    for (uint32_t s = 0; s < plan_.steps.count; ++s) {
      const StepRecord& step = plan_.steps[s];
      for (uint32_t i = 0; i < step.operand_count; ++i) {
        const uint32_t buffer = plan_.operands[step.first_operand + i].buffer;
        extend(exe_.places[buffer].root, s);
      }
    }
  }

  // A slice keeps alive what it is taken of.
  void extend(uint32_t buffer, uint32_t step) {
    ArenaBuffer& range = exe_.arena_buffers[buffer];
    range.first_step = std::min(range.first_step, step);
    range.last_step = std::max(range.last_step, step);
    const BufferRecord& record = plan_.buffers[buffer];
    if (record.kind == BufferKind::slice) extend(exe_.places[record.base].root, step);
  }

  int64_t scratch_bytes() const {
    int64_t most = 0;
    for (const StepRecord& step : plan_.steps) {
      if (step.scratch_value != kNone) most = std::max(most, value(step.scratch_value));
    }
    return most;
  }

  cnnc_status plan_memory() {
    collect_live_ranges();
    const auto limit = static_cast<int64_t>(exe_.max_bytes);
    exe_.arena_bytes = plan_arena(exe_.arena_buffers.data(), plan_.buffers.count, limit,
                                  exe_.arena_workspace.data());
    exe_.scratch_stride = scratch_stride(std::min(scratch_bytes(), limit));
    if (exe_.arena_bytes < 0 ||
        exe_.scratch_stride > (limit - exe_.arena_bytes) / exe_.threads) {
      exe_.arena_bytes = 0;
      return fail(CNNC_OUT_OF_MEMORY,
                  "with these shapes the model needs more working memory than the limit of %llu "
                  "bytes",
                  static_cast<unsigned long long>(exe_.max_bytes));
    }
    const auto scratch_total = static_cast<size_t>(exe_.scratch_stride * exe_.threads);
    if (!exe_.arena.reserve(static_cast<size_t>(exe_.arena_bytes)) ||
        !exe_.scratch.reserve(scratch_total)) {
      return fail(CNNC_OUT_OF_MEMORY, "out of memory: %lld bytes of working memory are needed",
                  static_cast<long long>(exe_.arena_bytes) +
                      static_cast<long long>(scratch_total));
    }
    return CNNC_OK;
  }

  char* texts_of(uint32_t buffer) {
    int64_t before = 0;
    for (uint32_t i = 0; i < buffer; ++i) {
      if (plan_.buffers[i].kind == BufferKind::strings) before += exe_.places[i].bytes;
    }
    return reinterpret_cast<char*>(exe_.texts.data()) + before;
  }

  void set_constant_args() {
    char* weights = static_cast<char*>(const_cast<void*>(exe_.model->weights));
    for (uint32_t i = 0; i < plan_.operands.count; ++i) {
      const BufferPlace& place = exe_.places[plan_.operands[i].buffer];
      const BufferRecord& root = plan_.buffers[place.root];
      char* base = root.kind == BufferKind::constant  ? weights + root.offset
                   : root.kind == BufferKind::strings ? texts_of(place.root)
                                                      : nullptr;
      exe_.args[i] = base ? base + place.offset : nullptr;
    }
  }

  void evaluate_steps() {
    for (uint32_t i = 0; i < plan_.sizes.count; ++i) exe_.step_sizes[i] = value(plan_.sizes[i]);
    for (uint32_t i = 0; i < plan_.steps.count; ++i) {
      exe_.steps[i].tasks = value(plan_.steps[i].tasks_value);
      if (plan_.steps[i].flags & kControlStep) exe_.steps[i].tasks = fixed_trips(plan_.steps[i]);
    }
  }

  int64_t fixed_trips(const StepRecord& step) const {
    const auto* params =
        reinterpret_cast<const ControlParams*>(plan_.params.data + step.params_offset);
    const bool fixed = step.kernel == static_cast<uint32_t>(ControlOp::loop) &&
                       params->trips_value != kNone;
    return fixed ? value(params->trips_value) : INT64_MAX;
  }

  cnnc_status prepare_libraries() {
    for (uint32_t i = 0; i < plan_.steps.count; ++i) {
      const StepRecord& record = plan_.steps[i];
      RunStep& step = exe_.steps[i];
      if (!(record.flags & kLibraryStep)) continue;
      char message[512] = "";
      const cnnc_library_call call{plan_.params.data + record.params_offset, record.params_bytes,
                                   step.sizes, record.size_count, record.operand_count,
                                   step.args, exe_.threads, message, sizeof message};
      const int status = step.library->prepare(&call, &step.state);
      if (status) {
        return fail(static_cast<cnnc_status>(status), "step '%s' (%s): %s", plan_.text(record.name),
                    step.library->name, message);
      }
    }
    return CNNC_OK;
  }

  void set_operands() {
    exe_.boundary_operand_count = exe_.slice_operand_count = 0;
    for (uint32_t i = 0; i < plan_.operands.count; ++i) {
      const OperandRecord& operand = plan_.operands[i];
      const BufferPlace& place = exe_.places[operand.buffer];
      const BufferRecord& root = plan_.buffers[place.root];
      if (root.kind == BufferKind::arena) {
        exe_.args[i] = exe_.arena.data() + exe_.arena_buffers[place.root].offset + place.offset;
      } else if (root.kind == BufferKind::input || root.kind == BufferKind::output) {
        const bool is_output = root.kind == BufferKind::output;
        exe_.boundary_operands[exe_.boundary_operand_count++] = {i, is_output, root.base, place.offset};
      } else if (root.kind == BufferKind::slice) {
        exe_.slice_operands[exe_.slice_operand_count++] = slice_operand(i, root, place);
      }
    }
  }

  SliceOperand slice_operand(uint32_t operand, const BufferRecord& slice, const BufferPlace& place) {
    const auto loop = static_cast<uint32_t>(slice.offset);
    uint32_t base = plan_.steps[loop].first_operand;
    while (plan_.operands[base].buffer != slice.base) ++base;
    const int64_t bytes = exe_.places[place.root].bytes;
    if (!slice.offset_value) return {operand, loop, base, bytes, 0, place.offset};
    const int64_t last = (fixed_trips(plan_.steps[loop]) - 1) * bytes;
    return {operand, loop, base, -bytes, last, place.offset};
  }

  cnnc_executable& exe_;
  const Plan& plan_;
};

bool check_input(cnnc_executable* exe, uint32_t index, const cnnc_tensor_view& view) {
  const TensorRecord& input = exe->plan.inputs[index];
  const char* name = exe->plan.text(input.name);
  if (view.dtype != input.dtype) {
    return exe->error.set("input '%s' is %s, the model needs %s", name,
                          cnnc_dtype_name(view.dtype), cnnc_dtype_name(input.dtype));
  }
  if (view.rank != static_cast<int32_t>(input.rank)) {
    return exe->error.set("input '%s' has %d dimensions, the model needs %u", name, view.rank,
                          input.rank);
  }
  for (uint32_t d = 0; d < input.rank; ++d) {
    const DimRecord& dim = exe->plan.dims[input.first_dim + d];
    const auto found = static_cast<long long>(view.dims[d]);
    if (found < 0) return exe->error.set("input '%s': dimension %u is %lld", name, d, found);
    if (dim.fixed >= 0 && dim.fixed != view.dims[d]) {
      return exe->error.set("input '%s': dimension %u is %lld, the model needs %lld", name, d,
                            found, static_cast<long long>(dim.fixed));
    }
    if (dim.symbol == kNone) continue;
    int64_t& symbol = exe->candidate_symbols[dim.symbol];
    if (symbol == kUnbound) symbol = view.dims[d];
    if (symbol != view.dims[d]) {
      return exe->error.set("input '%s': dimension %u (%s) is %lld, but %s is %lld elsewhere", name,
                            d, exe->plan.text(dim.text), found, exe->plan.text(dim.text),
                            static_cast<long long>(symbol));
    }
  }
  return true;
}

bool check_symbols_bound(cnnc_executable* exe) {
  for (uint32_t i = 0; i < exe->plan.symbols.count; ++i) {
    if (exe->candidate_symbols[i] == kUnbound) {
      return exe->error.set("the size '%s' does not follow from the inputs' shapes",
                            exe->plan.text(exe->plan.symbols[i].name));
    }
  }
  return true;
}

// Dimensions that are expressions, such as 2*n, can be checked once the symbols are known.
bool check_derived_dims(cnnc_executable* exe, const cnnc_tensor_view* inputs) {
  for (uint32_t i = 0; i < exe->plan.inputs.count; ++i) {
    const TensorRecord& input = exe->plan.inputs[i];
    for (uint32_t d = 0; d < input.rank; ++d) {
      const DimRecord& dim = exe->plan.dims[input.first_dim + d];
      if (exe->values[dim.value] == inputs[i].dims[d]) continue;
      return exe->error.set("input '%s': dimension %u is %lld, the model needs %s = %lld",
                            exe->plan.text(input.name), d,
                            static_cast<long long>(inputs[i].dims[d]), exe->plan.text(dim.text),
                            static_cast<long long>(exe->values[dim.value]));
    }
  }
  return true;
}

} // namespace

cnnc_status bind_symbols(cnnc_executable* executable) { return Binder(executable).bind(); }

cnnc_status bind_inputs(cnnc_executable* exe, const cnnc_tensor_view* inputs,
                        int32_t input_count) {
  const Plan& plan = exe->plan;
  if (input_count != static_cast<int32_t>(plan.inputs.count)) {
    exe->error.set("%d inputs given, the model has %u", input_count, plan.inputs.count);
    return CNNC_INVALID_ARGUMENT;
  }
  for (int64_t& symbol : exe->candidate_symbols) symbol = kUnbound;
  for (uint32_t i = 0; i < plan.inputs.count; ++i) {
    if (!check_input(exe, i, inputs[i])) return CNNC_INVALID_ARGUMENT;
  }
  if (!check_symbols_bound(exe)) return CNNC_INVALID_ARGUMENT;
  const bool same = exe->is_bound && !memcmp(exe->symbol_values.data(),
                                             exe->candidate_symbols.data(),
                                             plan.symbols.count * sizeof(int64_t));
  if (!same) {
    const cnnc_status status = bind_symbols(exe);
    if (status != CNNC_OK) return status;
  }
  return check_derived_dims(exe, inputs) ? CNNC_OK : CNNC_INVALID_ARGUMENT;
}

} // namespace cnnc
