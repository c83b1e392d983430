#include "runtime/training/trainer_data.h"

#include <stdio.h>
#include <string.h>

#include "runtime/output_summary.h"
#include "runtime/tensor_file.h"

namespace cnnc {
namespace {

// A type in words; the batch's size is "N".
struct TypeText {
  char text[256];

  explicit TypeText(const TrainerRecord::Type& type) {
    size_t used = static_cast<size_t>(snprintf(text, sizeof text, "%s[N", cnnc_dtype_name(type.dtype)));
    for (int32_t i = 1; i < type.rank && used < sizeof text; ++i) {
      used += static_cast<size_t>(snprintf(text + used, sizeof text - used, ",%lld",
                                           static_cast<long long>(type.dims[i])));
    }
    if (used < sizeof text) snprintf(text + used, sizeof text - used, "]");
  }
  explicit TypeText(const cnnc_tensor_view& tensor) {
    print_type(tensor.dtype, tensor.rank, tensor.dims, text, sizeof text);
  }
};

// Whether a tensor's rows have the type's shape.
bool rows_fit(const cnnc_tensor_view& tensor, const TrainerRecord::Type& type) {
  return tensor.rank == type.rank && tensor.rank > 0 &&
         !memcmp(tensor.dims + 1, type.dims + 1, static_cast<size_t>(type.rank - 1) * sizeof *type.dims);
}

// "FILE", or the FILE of "NAME=FILE,...". False when there is none for this name.
bool file_named(const char* files, const char* name, bool is_only_input, char* path, size_t size) {
  const size_t length = strlen(name);
  for (const char* at = files; *at;) {
    const char* comma = strchr(at, ',');
    const size_t word = comma ? static_cast<size_t>(comma - at) : strlen(at);
    const bool is_named = word > length && !strncmp(at, name, length) && at[length] == '=';
    if (is_named || (is_only_input && word == strlen(files))) {
      const size_t skip = is_named ? length + 1 : 0;
      snprintf(path, size, "%.*s", static_cast<int>(word - skip), at + skip);
      return true;
    }
    at += word + (comma != nullptr);
  }
  return false;
}

bool is_integer(int32_t dtype) {
  switch (dtype) {
    case CNNC_UINT8: case CNNC_INT8: case CNNC_UINT16: case CNNC_INT16:
    case CNNC_INT32: case CNNC_INT64: case CNNC_UINT32: case CNNC_UINT64:
      return true;
  }
  return false;
}

void set_element(HostTensor* tensor, int64_t index, double value) {
  switch (tensor->dtype) {
    case CNNC_INT64: static_cast<int64_t*>(tensor->data)[index] = static_cast<int64_t>(value); break;
    case CNNC_FLOAT: static_cast<float*>(tensor->data)[index] = static_cast<float>(value); break;
    case CNNC_DOUBLE: static_cast<double*>(tensor->data)[index] = value; break;
  }
}

} // namespace

ExitCode TrainerData::load_input(const TrainerRecord& record, int32_t index, const char* files,
                                 ErrorText* error) {
  const TrainerRecord::Type& type = record.inputs[index];
  const char* name = record.text(type.name);
  char path[4096];
  if (!file_named(files, name, record.input_count == 1, path, sizeof path)) {
    error->set("--data gives no file for input '%s'; need NAME=FILE for each input", name);
    return kExitUsage;
  }
  if (!inputs_[index].load(path, error)) return kExitFile;
  const cnnc_tensor_view tensor = inputs_[index].view();
  if (tensor.dtype != type.dtype || !rows_fit(tensor, type)) {
    error->set("'%s': the data are %s but the model's input '%s' is %s", path,
               TypeText(tensor).text, name, TypeText(type).text);
    return kExitUsage;
  }
  samples_.inputs[index] = tensor;
  samples_.names[index] = name;
  samples_.files[index] = inputs_[index].file();
  return kExitOk;
}

// Class numbers may have any integer type, other labels any.
ExitCode TrainerData::load_labels(const TrainerRecord& record, const char* file,
                                  ErrorText* error) {
  HostTensor given;
  if (!load_tensor(file, &given, error)) return kExitFile;
  const TrainerRecord::Type& type = record.labels;
  labels_.dtype = type.dtype;
  labels_.rank = type.rank;
  memcpy(labels_.dims, type.dims, sizeof labels_.dims);
  labels_.dims[0] = given.rank > 0 ? given.dims[0] : 1;
  const int64_t count = element_count(given.rank, given.dims);
  if (count != element_count(labels_.rank, labels_.dims) ||
      (is_integer(type.dtype) && !is_integer(given.dtype))) {
    error->set("'%s': the labels are %s, need %s%s", file, TypeText(given.view()).text,
               is_integer(type.dtype) ? "integers, " : "", TypeText(type).text);
    return kExitUsage;
  }
  if (!labels_.allocate(error)) return kExitLimit;
  for (int64_t i = 0; i < count; ++i) {
    set_element(&labels_, i, element_value(given.dtype, given.data, i));
  }
  samples_.labels = labels_.view();
  return kExitOk;
}

ExitCode TrainerData::load_weights(bool wanted, const char* file, ErrorText* error) {
  if (!wanted && !file) return kExitOk;
  if (!wanted || !file) {
    error->set(wanted ? "this trainer was compiled with --weighted: --sample-weights FILE is missing"
                      : "--sample-weights needs a trainer that was compiled with --weighted");
    return kExitUsage;
  }
  if (!load_tensor(file, &weights_, error)) return kExitFile;
  if (weights_.dtype != CNNC_FLOAT || weights_.rank != 1) {
    error->set("'%s': the sample weights are %s, need one f32 number for each sample", file,
               TypeText(weights_.view()).text);
    return kExitUsage;
  }
  samples_.weights = weights_.view();
  return kExitOk;
}

ExitCode TrainerData::load(const TrainerRecord& record, const TrainerArguments& arguments,
                           ErrorText* error) {
  samples_.input_count = record.input_count;
  ExitCode code = kExitOk;
  for (int32_t i = 0; code == kExitOk && i < record.input_count; ++i) {
    code = load_input(record, i, arguments.data, error);
  }
  if (code == kExitOk) code = load_labels(record, arguments.labels, error);
  if (code == kExitOk) {
    code = load_weights(record.training.has_weights, arguments.sample_weights, error);
  }
  if (code != kExitOk) return code;
  const bool fits = check_rows(samples_, error) &&
                    check_labels(samples_.labels, record.accuracy, error);
  return fits ? kExitOk : kExitUsage;
}

} // namespace cnnc
