// Steps between numbers and strings. They run on one thread: texts are few, and each takes as long as a thousand additions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cnnc.h"
#include "runtime/model.h"
#include "runtime/number_text.h"

namespace cnnc {
namespace {

// The step's size is its number of elements, its parameter the type of the numbers.
struct TextStep {
  int32_t dtype;
  size_t count;
  char* texts; // of the strings that it makes
};

int out_of_memory(const cnnc_library_call* call) {
  snprintf(call->error, call->error_bytes, "out of memory for %lld texts", static_cast<long long>(call->sizes[0]));
  return CNNC_OUT_OF_MEMORY;
}

int prepare(const cnnc_library_call* call, void** state) {
  if (call->params_bytes != sizeof(int32_t) || call->size_count != 1 || call->arg_count != 2) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  if (!*state) *state = calloc(1, sizeof(TextStep));
  if (!*state) return out_of_memory(call);
  auto& step = *static_cast<TextStep*>(*state);
  memcpy(&step.dtype, call->params, sizeof step.dtype);
  step.count = static_cast<size_t>(call->sizes[0]);
  return CNNC_OK;
}

int prepare_texts(const cnnc_library_call* call, void** state) {
  const int status = prepare(call, state);
  if (status) return status;
  auto& step = *static_cast<TextStep*>(*state);
  free(step.texts);
  step.texts = static_cast<char*>(calloc(step.count + 1, kNumberTextBytes));
  return step.texts ? CNNC_OK : out_of_memory(call);
}

int format(void* state, void* const* args) {
  const auto& step = *static_cast<TextStep*>(state);
  const CLocale locale;
  const auto* element = static_cast<const char*>(args[0]);
  const size_t width = cnnc_dtype_bits(step.dtype) / 8;
  auto** out = static_cast<const char**>(args[1]);
  for (size_t i = 0; i < step.count; ++i, element += width) {
    char* text = step.texts + i * kNumberTextBytes;
    write_number(step.dtype, element, text);
    out[i] = text;
  }
  return 0;
}

int parse(void* state, void* const* args) {
  const auto& step = *static_cast<TextStep*>(state);
  const CLocale locale;
  const auto* texts = static_cast<const char* const*>(args[0]);
  auto* element = static_cast<char*>(args[1]);
  const size_t width = cnnc_dtype_bits(step.dtype) / 8;
  for (size_t i = 0; i < step.count; ++i, element += width) {
    if (!read_number(texts[i], step.dtype, element)) return CNNC_INVALID_ARGUMENT;
  }
  return 0;
}

void release(void* state) {
  free(static_cast<TextStep*>(state)->texts);
  free(state);
}

} // namespace
} // namespace cnnc

extern "C" const cnnc_library_step cnnc_format_numbers, cnnc_parse_numbers;
const cnnc_library_step cnnc_format_numbers = {"text:format", cnnc::prepare_texts, cnnc::format, cnnc::release};
const cnnc_library_step cnnc_parse_numbers = {"text:parse: an element is no number", cnnc::prepare, cnnc::parse,
                                              cnnc::release};
