#include "runtime/plan.h"

#include "runtime/cnnc.h"

namespace cnnc {
namespace {

class PlanReader {
 public:
  PlanReader(const uint8_t* blob, size_t bytes, const PlanLimits& limits, Plan* plan,
             ErrorText* error)
      : blob_(blob), bytes_(bytes), limits_(limits), plan_(*plan), error_(*error) {}

  bool read() {
    return check_header() && open_sections() && check_strings() && check_symbols() &&
           check_tensors(plan_.inputs, "input") && check_tensors(plan_.outputs, "output") &&
           check_updates() && check_dims() && check_conditions() && check_buffers() && check_steps();
  }

 private:
  bool damaged(const char* what, uint32_t index) {
    return error_.set("the compiled model is damaged: bad %s in record %u of its plan", what,
                      index);
  }

  bool check_header() {
    if (reinterpret_cast<uintptr_t>(blob_) % 8) return error_.set("the plan is not aligned to 8");
    if (bytes_ < sizeof(PlanHeader)) return error_.set("the plan is truncated to %zu bytes", bytes_);
    header_ = reinterpret_cast<const PlanHeader*>(blob_);
    if (header_->magic != kPlanMagic) return error_.set("the plan does not begin with its mark");
    if (header_->version != kPlanVersion) {
      return error_.set("the plan has format version %u, this runtime reads version %u",
                        header_->version, kPlanVersion);
    }
    if (header_->bytes != bytes_) {
      return error_.set("the plan has %zu bytes, its header says %llu", bytes_,
                        static_cast<unsigned long long>(header_->bytes));
    }
    if (header_->checksum != checksum()) {
      return error_.set("the compiled model is damaged: the checksum of its plan does not match");
    }
    plan_.value_count = header_->value_count;
    plan_.threads = header_->threads;
    return true;
  }

  uint64_t checksum() const {
    PlanHeader header = *header_;
    header.checksum = 0;
    return plan_checksum(&header, sizeof header) ^
           plan_checksum(blob_ + sizeof header, bytes_ - sizeof header);
  }

  template <typename T>
  bool open_section(const PlanSection& section, Records<T>* records, const char* name) {
    const uint64_t end = section.offset + uint64_t{section.count} * sizeof(T);
    if (section.offset % 8 || section.offset < sizeof(PlanHeader) || end > bytes_) {
      return error_.set("the compiled model is damaged: the plan's %s lie outside it", name);
    }
    *records = {reinterpret_cast<const T*>(blob_ + section.offset), section.count};
    return true;
  }

  bool open_sections() {
    return open_section(header_->symbols, &plan_.symbols, "symbols") &&
           open_section(header_->inputs, &plan_.inputs, "inputs") &&
           open_section(header_->outputs, &plan_.outputs, "outputs") &&
           open_section(header_->dims, &plan_.dims, "dimensions") &&
           open_section(header_->buffers, &plan_.buffers, "buffers") &&
           open_section(header_->steps, &plan_.steps, "steps") &&
           open_section(header_->operands, &plan_.operands, "operands") &&
           open_section(header_->sizes, &plan_.sizes, "sizes") &&
           open_section(header_->params, &plan_.params, "parameters") &&
           open_section(header_->strings, &plan_.strings, "strings") &&
           open_section(header_->conditions, &plan_.conditions, "conditions");
  }

  // A string may begin anywhere; it ends because the section ends with a zero.
  bool check_strings() {
    const Records<char>& strings = plan_.strings;
    if (strings.count == 0 || strings[strings.count - 1] != 0) return damaged("end of strings", 0);
    return true;
  }

  bool is_text(uint32_t offset) const { return offset < plan_.strings.count; }
  bool is_value(uint32_t index) const { return index < plan_.value_count; }
  bool is_optional_value(uint32_t index) const { return index == kNone || is_value(index); }

  static bool is_range(uint32_t first, uint32_t count, uint32_t limit) {
    return uint64_t{first} + count <= limit;
  }

  bool check_symbols() {
    for (uint32_t i = 0; i < plan_.symbols.count; ++i) {
      const SymbolRecord& symbol = plan_.symbols[i];
      if (!is_text(symbol.name)) return damaged("symbol name", i);
      if (symbol.defined_by != kNone) {
        return error_.set("the size '%s' is known only while running; this runtime cannot do that",
                          plan_.text(symbol.name));
      }
    }
    return true;
  }

  bool check_tensors(const Records<TensorRecord>& tensors, const char* what) {
    for (uint32_t i = 0; i < tensors.count; ++i) {
      const TensorRecord& tensor = tensors[i];
      if (!is_text(tensor.name) || tensor.rank > CNNC_MAX_RANK ||
          cnnc_dtype_bits(tensor.dtype) == 0 ||
          !is_range(tensor.first_dim, tensor.rank, plan_.dims.count)) {
        return damaged(what, i);
      }
    }
    return true;
  }

  // Each input is updated by one output at most.
  bool check_updates() {
    for (uint32_t i = 0; i < plan_.outputs.count; ++i) {
      const uint32_t input = plan_.outputs[i].updates;
      if (input == kNone) continue;
      if (input >= plan_.inputs.count || plan_.inputs[input].dtype != plan_.outputs[i].dtype ||
          plan_.inputs[input].rank != plan_.outputs[i].rank) {
        return damaged("update", i);
      }
      for (uint32_t other = 0; other < i; ++other) {
        if (plan_.outputs[other].updates == input) return damaged("update", i);
      }
    }
    return true;
  }

  bool check_dims() {
    for (uint32_t i = 0; i < plan_.dims.count; ++i) {
      const DimRecord& dim = plan_.dims[i];
      const bool symbol_ok = dim.symbol == kNone || dim.symbol < plan_.symbols.count;
      if (!is_value(dim.value) || !is_text(dim.text) || !symbol_ok) return damaged("dimension", i);
    }
    return true;
  }

  bool check_conditions() {
    for (uint32_t i = 0; i < plan_.conditions.count; ++i) {
      const ConditionRecord& condition = plan_.conditions[i];
      if (!is_value(condition.value) || !is_text(condition.text)) return damaged("condition", i);
    }
    return true;
  }

  bool check_buffers() {
    for (uint32_t i = 0; i < plan_.buffers.count; ++i) {
      const BufferRecord& buffer = plan_.buffers[i];
      if (!is_value(buffer.bytes_value) || !check_place(buffer, i)) return damaged("buffer", i);
    }
    return true;
  }

  bool check_place(const BufferRecord& buffer, uint32_t index) const {
    switch (buffer.kind) {
      case BufferKind::arena: return buffer.first_step <= buffer.last_step;
      case BufferKind::constant:
      case BufferKind::strings:
        return buffer.offset % kArenaAlignment == 0 && buffer.offset <= limits_.weights_bytes;
      case BufferKind::input: return buffer.base < plan_.inputs.count;
      case BufferKind::output:
        return buffer.base < plan_.outputs.count && plan_.outputs[buffer.base].updates == kNone;
      case BufferKind::view: return buffer.base < index && is_value(buffer.offset_value);
      case BufferKind::slice:
        return buffer.base < index && buffer.offset_value <= 1 && is_sliced(buffer);
    }
    return false;
  }

  // The loop step that a slice follows has what it is taken of among its operands.
  bool is_sliced(const BufferRecord& slice) const {
    if (slice.offset >= plan_.steps.count) return false;
    const StepRecord& loop = plan_.steps[static_cast<uint32_t>(slice.offset)];
    if (!is_control(loop, ControlOp::loop) ||
        !is_range(loop.first_operand, loop.operand_count, plan_.operands.count)) {
      return false;
    }
    for (uint32_t i = 0; i < loop.operand_count; ++i) {
      if (plan_.operands[loop.first_operand + i].buffer == slice.base) return true;
    }
    return false;
  }

  static bool is_control(const StepRecord& step, ControlOp op) {
    return (step.flags & kControlStep) && step.kernel == static_cast<uint32_t>(op);
  }

  bool check_steps() {
    for (uint32_t i = 0; i < plan_.steps.count; ++i) {
      if (!check_step(plan_.steps[i], i) || !check_operands(plan_.steps[i], i)) {
        return damaged("step", i);
      }
    }
    for (uint32_t i = 0; i < plan_.sizes.count; ++i) {
      if (!is_value(plan_.sizes[i])) return damaged("size", i);
    }
    return true;
  }

  // A loop and its repeat step name each other, so that neither runs without the other.
  bool check_control(const StepRecord& step, uint32_t index) const {
    if (step.params_bytes != sizeof(ControlParams) || step.params_offset % 8) return false;
    if (!is_range(step.params_offset, step.params_bytes, plan_.params.count)) return false;
    const auto* params =
        reinterpret_cast<const ControlParams*>(plan_.params.data + step.params_offset);
    const uint32_t used = (params->flags & kTripsOperand ? 1 : 0) +
                          (params->flags & kConditionOperand ? 1 : 0);
    switch (static_cast<ControlOp>(step.kernel)) {
      case ControlOp::branch:
        return params->target > index && params->target <= plan_.steps.count &&
               step.operand_count == 1;
      case ControlOp::jump: return params->target > index && params->target <= plan_.steps.count;
      case ControlOp::loop:
        return params->target > index && params->target < plan_.steps.count &&
               step.operand_count >= 1 + used &&
               is_control(plan_.steps[params->target], ControlOp::repeat) &&
               is_optional_value(params->trips_value);
      case ControlOp::repeat:
        return params->target < index &&
               is_control(plan_.steps[params->target], ControlOp::loop);
    }
    return false;
  }

  bool has_kernel(const StepRecord& step, uint32_t index) const {
    if (step.flags & kControlStep) return check_control(step, index);
    const uint64_t kernels =
        step.flags & kLibraryStep ? limits_.library_count : limits_.kernel_count;
    return step.kernel < kernels;
  }

  bool check_step(const StepRecord& step, uint32_t index) const {
    return has_kernel(step, index) && is_value(step.tasks_value) && is_text(step.name) &&
           is_text(step.kernel_name) && is_text(step.sources) &&
           is_range(step.first_operand, step.operand_count, plan_.operands.count) &&
           is_range(step.first_size, step.size_count, plan_.sizes.count) &&
           is_range(step.params_offset, step.params_bytes, plan_.params.count) &&
           is_optional_value(step.scratch_value) && is_optional_value(step.flops_value) &&
           is_optional_value(step.bytes_value);
  }

  // A step may touch an arena buffer only while it is alive, and never write constants, nor inputs that
  // no output updates.
  bool check_operands(const StepRecord& step, uint32_t index) const {
    for (uint32_t i = 0; i < step.operand_count; ++i) {
      const OperandRecord& operand = plan_.operands[step.first_operand + i];
      if (operand.buffer >= plan_.buffers.count) return false;
      if (operand.access == 0 || operand.access > kReadWrite) return false;
      const BufferRecord& buffer = plan_.buffers[operand.buffer];
      const bool writes = operand.access & kWrite;
      if (writes && root_is_read_only(buffer)) return false;
      if (buffer.kind == BufferKind::arena &&
          (index < buffer.first_step || index > buffer.last_step)) {
        return false;
      }
    }
    return true;
  }

  bool root_is_read_only(const BufferRecord& buffer) const {
    const BufferRecord* root = &buffer;
    while (root->kind == BufferKind::view || root->kind == BufferKind::slice)
      root = &plan_.buffers[root->base];
    return root->kind == BufferKind::constant ||
           (root->kind == BufferKind::input && !is_updated(root->base));
  }

  bool is_updated(uint32_t input) const {
    for (const TensorRecord& output : plan_.outputs) {
      if (output.updates == input) return true;
    }
    return false;
  }

  const uint8_t* blob_;
  size_t bytes_;
  const PlanLimits& limits_;
  Plan& plan_;
  ErrorText& error_;
  const PlanHeader* header_ = nullptr;
};

} // namespace

uint64_t plan_checksum(const void* data, size_t bytes) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
  return hash;
}

bool open_plan(const void* blob, size_t bytes, const PlanLimits& limits, Plan* plan,
               ErrorText* error) {
  return PlanReader(static_cast<const uint8_t*>(blob), bytes, limits, plan, error).read();
}

} // namespace cnnc
