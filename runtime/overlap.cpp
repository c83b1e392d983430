#include "runtime/overlap.h"

#include "runtime/host_tensor.h"

namespace cnnc {
namespace {

class OverlapCheck {
 public:
  explicit OverlapCheck(cnnc_executable* exe) : exe_(*exe), plan_(exe->plan) {}

  bool run(const cnnc_tensor_view* inputs, const cnnc_tensor_view* outputs) {
    const size_t count = exe_.ranges.size();
    for (size_t i = 0; i < count; ++i) {
      exe_.ranges[i] = range_of(is_output(i) ? outputs[index(i)] : inputs[index(i)]);
    }
    for (size_t i = 0; i < count; ++i) {
      if (has_moved(i) && !check(i)) return false;
    }
    for (size_t i = 0; i < count; ++i) exe_.checked_ranges[i] = exe_.ranges[i];
    return true;
  }

 private:
  // Tensors are counted with the inputs first.
  bool is_output(size_t i) const { return i >= plan_.inputs.count; }
  uint32_t index(size_t i) const {
    return static_cast<uint32_t>(is_output(i) ? i - plan_.inputs.count : i);
  }

  static MemoryRange range_of(const cnnc_tensor_view& view) {
    const int64_t bytes = tensor_bytes(view.dtype, view.rank, view.dims);
    return {reinterpret_cast<uintptr_t>(view.data), static_cast<uintptr_t>(bytes)};
  }

  bool has_moved(size_t i) const {
    const MemoryRange &now = exe_.ranges[i], &before = exe_.checked_ranges[i];
    return now.begin != before.begin || now.bytes != before.bytes;
  }

  bool check(size_t i) const {
    const MemoryRange& a = exe_.ranges[i];
    for (size_t j = 0; j < exe_.ranges.size(); ++j) {
      const MemoryRange& b = exe_.ranges[j];
      const bool overlap = a.bytes && b.bytes && a.begin < b.begin + b.bytes &&
                           b.begin < a.begin + a.bytes;
      if (!overlap || j == i || may_share(i, j) || may_share(j, i)) continue;
      return is_output(i) ? refuse(i, j) : refuse(j, i);
    }
    return true;
  }

  bool may_share(size_t i, size_t j) const {
    if (is_output(j)) return false;
    return !is_output(i) || plan_.outputs[index(i)].updates == index(j);
  }

  bool refuse(size_t output, size_t other) const {
    const Records<TensorRecord>& others = is_output(other) ? plan_.outputs : plan_.inputs;
    return exe_.error.set("output '%s' overlaps %s '%s' in memory",
                          plan_.text(plan_.outputs[index(output)].name),
                          is_output(other) ? "output" : "input",
                          plan_.text(others[index(other)].name));
  }

  cnnc_executable& exe_;
  const Plan& plan_;
};

} // namespace

bool check_overlap(cnnc_executable* exe, const cnnc_tensor_view* inputs,
                   const cnnc_tensor_view* outputs) {
  return OverlapCheck(exe).run(inputs, outputs);
}

} // namespace cnnc
