// A tensor that owns its memory, for reading and writing files around a run.
#ifndef RUNTIME_HOST_TENSOR_H_
#define RUNTIME_HOST_TENSOR_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/cnnc.h"
#include "runtime/error_text.h"

namespace cnnc {

struct HostTensor {
  int32_t dtype = CNNC_UNDEFINED;
  int32_t rank = 0;
  int64_t dims[CNNC_MAX_RANK] = {};
  void* data = nullptr;
  size_t bytes = 0; // exactly what the shape needs
  char* texts = nullptr; // what the elements of a string tensor point at, where the tensor owns it

  HostTensor() = default;
  HostTensor(const HostTensor&) = delete;
  HostTensor& operator=(const HostTensor&) = delete;
  ~HostTensor();

  // Takes zeroed memory for dtype and dims, which the caller has set; strings are empty.
  bool allocate(ErrorText* error);

  // Takes memory for texts of strings, their zero bytes included.
  bool allocate_texts(size_t size, ErrorText* error);

  const char** strings() const { return static_cast<const char**>(data); }
  cnnc_tensor_view view() const;
};

// Elements of a shape; -1 if a dimension is negative or the product overflows.
int64_t element_count(int32_t rank, const int64_t* dims);

// Bytes of a tensor; -1 if the type does not exist or the product overflows.
int64_t tensor_bytes(int32_t dtype, int32_t rank, const int64_t* dims);

// "f32[1,3,224,224]" in a buffer of `size` bytes; returns it.
const char* print_type(int32_t dtype, int32_t rank, const int64_t* dims, char* buffer, size_t size);

} // namespace cnnc

#endif // RUNTIME_HOST_TENSOR_H_
