// oneDNN's C functions, found in libdnnl.so.3 when the first step needs them.
#ifndef RUNTIME_DNNL_API_H_
#define RUNTIME_DNNL_API_H_

#include <dnnl.h>
#include <stddef.h>

namespace cnnc {

#define CNNC_DNNL_FUNCTIONS(X)               \
  X(engine_create)                           \
  X(stream_create)                           \
  X(stream_wait)                             \
  X(memory_desc_create_with_strides)         \
  X(memory_desc_create_with_tag)             \
  X(memory_desc_destroy)                     \
  X(memory_desc_clone)                       \
  X(memory_desc_equal)                       \
  X(memory_desc_get_size)                    \
  X(memory_create)                           \
  X(memory_destroy)                          \
  X(memory_set_data_handle)                  \
  X(primitive_attr_create)                   \
  X(primitive_attr_destroy)                  \
  X(primitive_attr_set_post_ops)             \
  X(post_ops_create)                         \
  X(post_ops_destroy)                        \
  X(post_ops_append_eltwise)                 \
  X(post_ops_append_binary)                  \
  X(convolution_forward_primitive_desc_create) \
  X(matmul_primitive_desc_create)            \
  X(pooling_forward_primitive_desc_create)   \
  X(reorder_primitive_desc_create)           \
  X(primitive_desc_query_md)                 \
  X(primitive_desc_destroy)                  \
  X(primitive_create)                        \
  X(primitive_execute)                       \
  X(primitive_destroy)

struct DnnlApi {
#define CNNC_DNNL_POINTER(name) decltype(&dnnl_##name) name;
  CNNC_DNNL_FUNCTIONS(CNNC_DNNL_POINTER)
#undef CNNC_DNNL_POINTER
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};

// NULL with a message when the library cannot be opened. Searched: $CNNC_DNNL, the path given when
// the runtime was built, the system's libraries.
const DnnlApi* dnnl_api(char* error, size_t error_bytes);

} // namespace cnnc

#endif // RUNTIME_DNNL_API_H_
