#include "runtime/control.h"

namespace cnnc {
namespace {

class Control {
 public:
  explicit Control(cnnc_executable* exe) : exe_(*exe), plan_(exe->plan) {}

  // The step that follows control step `at`.
  uint32_t next(uint32_t at) {
    const ControlParams& params = params_of(at);
    switch (static_cast<ControlOp>(plan_.steps[at].kernel)) {
      case ControlOp::branch: return *argument<uint8_t>(at, 0) ? at + 1 : params.target;
      case ControlOp::jump: return params.target;
      case ControlOp::loop:
        exe_.steps[at].trip = 0;
        if (params.flags & kTripsOperand)
          exe_.steps[at].tasks = *argument<int64_t>(at, 1);
        return begin_trip(at) ? at + 1 : params.target + 1;
      case ControlOp::repeat:
        ++exe_.steps[params.target].trip;
        return begin_trip(params.target) ? params.target + 1 : at + 1;
    }
    return plan_.steps.count;
  }

 private:
  const ControlParams& params_of(uint32_t step) const {
    return *reinterpret_cast<const ControlParams*>(plan_.params.data +
                                                   plan_.steps[step].params_offset);
  }

  template <typename T>
  T* argument(uint32_t step, uint32_t operand) const {
    return static_cast<T*>(exe_.args[plan_.steps[step].first_operand + operand]);
  }

  // Points the operands in slices at those of this trip; false when there is no further one.
  bool begin_trip(uint32_t loop) {
    const RunStep& step = exe_.steps[loop];
    const ControlParams& params = params_of(loop);
    if (step.trip >= step.tasks) return false;
    const uint32_t condition = params.flags & kTripsOperand ? 2 : 1;
    if ((params.flags & kConditionOperand) && !*argument<uint8_t>(loop, condition)) return false;
    *argument<int64_t>(loop, 0) = step.trip;
    for (uint32_t i = 0; i < exe_.slice_operand_count; ++i) {
      const SliceOperand& slice = exe_.slice_operands[i];
      if (slice.loop != loop) continue;
      exe_.args[slice.operand] = static_cast<char*>(exe_.args[slice.base]) + slice.first +
                                 step.trip * slice.stride + slice.offset;
    }
    return true;
  }

  cnnc_executable& exe_;
  const Plan& plan_;
};

} // namespace

int64_t run_all_steps(cnnc_executable* exe, Scratch scratch) {
  const uint32_t count = exe->plan.steps.count;
  RunStep* steps = exe->steps.data();
  for (uint32_t at = 0; at < count;) {
    if (steps[at].mode == StepMode::control) {
      at = Control(exe).next(at);
      continue;
    }
    uint32_t end = at + 1;
    while (end < count && steps[end].mode != StepMode::control) ++end;
    const int64_t failed = exe->profile
                               ? run_steps_timed(exe->team, scratch, steps + at, end - at)
                               : run_steps(exe->team, scratch, steps + at, end - at);
    if (failed >= 0) return at + failed;
    at = end;
  }
  return -1;
}

} // namespace cnnc
