// Constant strings: the weights hold offsets, which are the same wherever the weights are loaded; kernels read addresses.
#include <string.h>

#include "runtime/executable.h"

namespace cnnc {
namespace {

class TextPlacer {
 public:
  explicit TextPlacer(cnnc_executable* exe) : exe_(*exe), weights_(static_cast<const char*>(exe->model->weights)) {}

  cnnc_status place() {
    size_t count = 0;
    each_buffer([&](const BufferRecord&, size_t elements) {
      count += elements;
      return true;
    });
    if (count == exe_.texts.size()) return CNNC_OK; // none, or placed before
    if (!exe_.texts.allocate(count)) {
      exe_.error.set("out of memory while opening the model");
      return CNNC_OUT_OF_MEMORY;
    }
    size_t next = 0;
    const bool ok = each_buffer([&](const BufferRecord& buffer, size_t elements) {
      for (size_t i = 0; i < elements; ++i) {
        if (!(exe_.texts[next++] = text(buffer.offset, i))) return false;
      }
      return true;
    });
    if (ok) return CNNC_OK;
    exe_.error.set("the compiled model is damaged: a constant text lies outside its weights");
    return CNNC_INVALID_MODEL;
  }

 private:
  template <typename Fn>
  bool each_buffer(Fn fn) {
    for (uint32_t i = 0; i < exe_.plan.buffers.count; ++i) {
      const BufferRecord& buffer = exe_.plan.buffers[i];
      if (buffer.kind != BufferKind::strings) continue;
      if (!fn(buffer, static_cast<size_t>(exe_.places[i].bytes) / sizeof(const char*))) return false;
    }
    return true;
  }

  // Null when it does not lie inside the weights.
  const char* text(uint64_t offset, size_t index) const {
    uint64_t position;
    memcpy(&position, weights_ + offset + index * sizeof position, sizeof position);
    const uint64_t rest = exe_.model->weights_bytes - offset;
    if (position >= rest) return nullptr;
    const char* text = weights_ + offset + position;
    return memchr(text, 0, static_cast<size_t>(rest - position)) ? text : nullptr;
  }

  cnnc_executable& exe_;
  const char* weights_;
};

} // namespace

cnnc_status place_texts(cnnc_executable* executable) { return TextPlacer(executable).place(); }

} // namespace cnnc
