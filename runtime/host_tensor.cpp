#include "runtime/host_tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace cnnc {

HostTensor::~HostTensor() {
  free(data);
  free(texts);
}

bool HostTensor::allocate(ErrorText* error) {
  const int64_t needed = tensor_bytes(dtype, rank, dims);
  if (needed < 0) return error->set("the shape's size is negative or overflows");
  free(data);
  bytes = static_cast<size_t>(needed);
  // Rounded up for aligned_alloc; at least one line so that `data` is never null.
  const size_t rounded = (bytes / 64 + 1) * 64;
  data = aligned_alloc(64, rounded);
  if (!data) {
    bytes = 0;
    return error->set("out of memory: a tensor needs %lld bytes", static_cast<long long>(needed));
  }
  memset(data, 0, rounded);
  for (size_t i = 0; dtype == CNNC_STRING && i < bytes / sizeof(const char*); ++i) strings()[i] = "";
  return true;
}

bool HostTensor::allocate_texts(size_t size, ErrorText* error) {
  free(texts);
  texts = static_cast<char*>(malloc(size ? size : 1));
  return texts || error->set("out of memory: the texts of a tensor need %zu bytes", size);
}

cnnc_tensor_view HostTensor::view() const {
  cnnc_tensor_view view{};
  view.data = data;
  view.bytes = bytes;
  view.dtype = dtype;
  view.rank = rank;
  memcpy(view.dims, dims, sizeof dims);
  return view;
}

int64_t element_count(int32_t rank, const int64_t* dims) {
  int64_t count = 1;
  bool empty = false;
  for (int32_t i = 0; i < rank; ++i) {
    if (dims[i] < 0) return -1;
    empty |= dims[i] == 0;
  }
  if (empty) return 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (__builtin_mul_overflow(count, dims[i], &count)) return -1;
  }
  return count;
}

int64_t tensor_bytes(int32_t dtype, int32_t rank, const int64_t* dims) {
  const int64_t count = element_count(rank, dims);
  int64_t bits = cnnc_dtype_bits(dtype);
  if (count < 0 || bits == 0 || __builtin_mul_overflow(bits, count, &bits)) return -1;
  return bits / 8 + (bits % 8 != 0);
}

const char* print_type(int32_t dtype, int32_t rank, const int64_t* dims, char* buffer,
                       size_t size) {
  size_t used = static_cast<size_t>(snprintf(buffer, size, "%s[", cnnc_dtype_name(dtype)));
  for (int32_t i = 0; i < rank && used < size; ++i) {
    used += static_cast<size_t>(snprintf(buffer + used, size - used, "%s%lld", i ? "," : "",
                                         static_cast<long long>(dims[i])));
  }
  if (used < size) snprintf(buffer + used, size - used, "]");
  return buffer;
}

} // namespace cnnc
