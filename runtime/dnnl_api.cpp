#include "runtime/dnnl_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

namespace cnnc {
namespace {

DnnlApi api;
bool is_open = false;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void* open_library() {
  const char* chosen = getenv("CNNC_DNNL");
  if (chosen && *chosen) return dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
#ifdef CNNC_DNNL_PATH
  if (void* library = dlopen(CNNC_DNNL_PATH, RTLD_NOW | RTLD_LOCAL)) return library;
#endif
  return dlopen("libdnnl.so.3", RTLD_NOW | RTLD_LOCAL);
}

template <typename Function>
bool find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

bool find_functions(void* library) {
#define CNNC_DNNL_FIND(name) \
  if (!find(library, "dnnl_" #name, &api.name)) return false;
  CNNC_DNNL_FUNCTIONS(CNNC_DNNL_FIND)
#undef CNNC_DNNL_FIND
  return true;
}

bool open_api(char* error, size_t error_bytes) {
  void* library = open_library();
  if (!library) {
    snprintf(error, error_bytes,
             "oneDNN cannot be opened (%s); set CNNC_DNNL to the path of libdnnl.so.3, or compile "
             "with --kernels=llvm",
             dlerror());
    return false;
  }
  if (!find_functions(library)) {
    snprintf(error, error_bytes, "this libdnnl lacks a function (%s); version 3 is needed",
             dlerror());
    return false;
  }
  if (api.engine_create(&api.engine, dnnl_cpu, 0) != dnnl_success ||
      api.stream_create(&api.stream, api.engine, dnnl_stream_default_flags) != dnnl_success) {
    snprintf(error, error_bytes, "oneDNN cannot make a CPU engine");
    return false;
  }
  return true;
}

} // namespace

const DnnlApi* dnnl_api(char* error, size_t error_bytes) {
  pthread_mutex_lock(&mutex);
  if (!is_open) is_open = open_api(error, error_bytes);
  pthread_mutex_unlock(&mutex);
  return is_open ? &api : nullptr;
}

} // namespace cnnc
