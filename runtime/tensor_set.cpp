#include "runtime/tensor_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/tensor_file.h"

namespace cnnc {
namespace {

cnnc_tensor_info input_info(const cnnc_executable* exe, int32_t index) {
  cnnc_tensor_info info;
  cnnc_input_info(exe, index, &info);
  return info;
}

// A raw file and zeros take the declared shape, as far as it is fixed.
bool take_declared_type(const cnnc_tensor_info& info, HostTensor* tensor) {
  tensor->dtype = info.dtype;
  tensor->rank = info.rank;
  bool fixed = true;
  for (int32_t d = 0; d < info.rank; ++d) {
    tensor->dims[d] = info.dims[d];
    fixed &= info.dims[d] >= 0;
  }
  return fixed;
}

bool has_type(const char* path) {
  const char* dot = strrchr(path, '.');
  return dot && (!strcmp(dot, ".npy") || !strcmp(dot, ".pb"));
}

ExitCode load_input(const cnnc_tensor_info& info, const char* path, HostTensor* tensor,
                    ErrorText* error) {
  if (!take_declared_type(info, tensor) && !has_type(path)) {
    error->set("input '%s' has no fixed shape; give it as .npy or .pb, not as '%s'", info.name,
               path);
    return kExitUsage;
  }
  return load_tensor(path, tensor, error) ? kExitOk : kExitFile;
}

// The size that `dims` ("batch=8") give a symbol, else 1.
int64_t symbol_size(const InputSources& sources, const char* symbol) {
  const size_t length = strlen(symbol);
  for (int32_t i = 0; i < sources.dim_count; ++i) {
    const char* dim = sources.dims[i];
    if (!strncmp(dim, symbol, length) && dim[length] == '=') return atoll(dim + length + 1);
  }
  return 1;
}

} // namespace

TensorSet::~TensorSet() {
  for (HostTensor& tensor : inputs_) tensor.~HostTensor();
  for (HostTensor& tensor : outputs_) tensor.~HostTensor();
}

ExitCode TensorSet::load(const InputSources& sources, ErrorText* error) {
  const auto inputs = static_cast<size_t>(cnnc_input_count(executable_));
  const auto outputs = static_cast<size_t>(cnnc_output_count(executable_));
  if (!inputs_.allocate(inputs) || !outputs_.allocate(outputs) ||
      !input_views_.allocate(inputs) || !output_views_.allocate(outputs)) {
    error->set("out of memory");
    return kExitLimit;
  }
  for (int32_t i = 0; i < sources.input_count; ++i) {
    const ExitCode code = load_source(sources.inputs[i], error);
    if (code != kExitOk) return code;
  }
  const ExitCode code = fill_zeros(sources, error);
  return code == kExitOk ? make_outputs(error) : code;
}

ExitCode TensorSet::load_source(const char* source, ErrorText* error) {
  struct stat info;
  if (stat(source, &info) == 0 && S_ISDIR(info.st_mode)) return load_directory(source, error);
  const char* equals = strchr(source, '=');
  if (equals) return load_named(source, equals, error);
  error->set("'%s' is neither a directory nor NAME=FILE", source);
  return kExitFile;
}

ExitCode TensorSet::load_directory(const char* directory, ErrorText* error) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/input_%zu.npy", directory, i);
    if (access(path, F_OK)) snprintf(path, sizeof path, "%s/input_%zu.pb", directory, i);
    const cnnc_tensor_info info = input_info(executable_, static_cast<int32_t>(i));
    const ExitCode code = load_input(info, path, &inputs_[i], error);
    if (code != kExitOk) return code;
  }
  return kExitOk;
}

ExitCode TensorSet::load_named(const char* source, const char* equals, ErrorText* error) {
  const auto length = static_cast<size_t>(equals - source);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const cnnc_tensor_info info = input_info(executable_, static_cast<int32_t>(i));
    if (strlen(info.name) == length && !memcmp(info.name, source, length)) {
      return load_input(info, equals + 1, &inputs_[i], error);
    }
  }
  char names[512] = "";
  for (size_t i = 0, used = 0; i < inputs_.size() && used < sizeof names; ++i) {
    const char* name = input_info(executable_, static_cast<int32_t>(i)).name;
    used += static_cast<size_t>(
        snprintf(names + used, sizeof names - used, "%s'%s'", i ? ", " : "", name));
  }
  error->set("the model has no input '%.*s'; it has %s", static_cast<int>(length), source, names);
  return kExitUsage;
}

ExitCode TensorSet::fill_zeros(const InputSources& sources, ErrorText* error) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    HostTensor& tensor = inputs_[i];
    const cnnc_tensor_info info = input_info(executable_, static_cast<int32_t>(i));
    if (!tensor.data) {
      take_declared_type(info, &tensor);
      for (int32_t d = 0; d < info.rank; ++d) {
        if (info.dims[d] >= 0) continue;
        const char* symbol = info.dim_symbols[d];
        tensor.dims[d] = symbol ? symbol_size(sources, symbol) : 1;
      }
      ErrorText reason;
      if (!tensor.allocate(&reason)) {
        error->set("input '%s': %s", info.name, reason.text);
        return kExitLimit;
      }
    }
    input_views_[i] = tensor.view();
  }
  return kExitOk;
}

ExitCode TensorSet::make_outputs(ErrorText* error) {
  const cnnc_status status =
      cnnc_prepare(executable_, input_views_.data(), static_cast<int32_t>(inputs_.size()),
                   output_views_.data(), output_count());
  if (status != CNNC_OK) {
    error->set("%s", cnnc_last_error(executable_));
    return exit_code(status);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const cnnc_tensor_view& view = output_views_[i];
    outputs_[i].dtype = view.dtype;
    outputs_[i].rank = view.rank;
    memcpy(outputs_[i].dims, view.dims, sizeof view.dims);
    if (!outputs_[i].allocate(error)) return kExitLimit;
    output_views_[i] = outputs_[i].view();
  }
  return kExitOk;
}

cnnc_status TensorSet::run() {
  return cnnc_run(executable_, input_views_.data(), static_cast<int32_t>(inputs_.size()),
                  output_views_.data(), output_count());
}

ExitCode TensorSet::save_outputs(const char* directory, const char* format,
                                 ErrorText* error) const {
  if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
    error->set("cannot make the directory '%s': %s", directory, strerror(errno));
    return kExitFile;
  }
  for (int32_t i = 0; i < output_count(); ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/output_%d.%s", directory, i, format);
    cnnc_tensor_info info;
    cnnc_output_info(executable_, i, &info);
    if (!save_tensor(path, info.name, output(i), error)) return kExitFile;
  }
  return kExitOk;
}

} // namespace cnnc
