#include "runtime/training/step_runner.h"

#include <string.h>

#include "runtime/host_tensor.h"

namespace cnnc {
namespace {

int32_t input_count(const StepLayout& layout) {
  return layout.model_inputs + layout.has_step_number + 1 + layout.has_weights +
         layout.is_training + layout.factors + layout.has_share + layout.carried;
}

} // namespace

bool StepRunner::create(cnnc_executable* executable, const StepLayout& layout, ErrorText* error) {
  executable_ = executable;
  layout_ = layout;
  batch_size_ = -1;
  const int32_t inputs = cnnc_input_count(executable), outputs = cnnc_output_count(executable);
  if (inputs != input_count(layout)) {
    return error->set("the program of a step has %d inputs, need %d", inputs, input_count(layout));
  }
  if (!infos_.allocate(static_cast<size_t>(inputs)) ||
      !inputs_.allocate(static_cast<size_t>(inputs)) ||
      !outputs_.allocate(static_cast<size_t>(outputs))) {
    return error->set("out of memory");
  }
  for (int32_t i = 0; i < inputs; ++i) {
    cnnc_input_info(executable, i, &infos_[static_cast<size_t>(i)]);
  }
  return true;
}

// Sizes that are not fixed are the batch's.
cnnc_status StepRunner::prepare(int64_t batch_size) {
  if (batch_size == batch_size_) return CNNC_OK;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const cnnc_tensor_info& info = infos_[i];
    cnnc_tensor_view& view = inputs_[i];
    view.dtype = info.dtype;
    view.rank = info.rank;
    for (int32_t d = 0; d < info.rank; ++d) {
      view.dims[d] = info.dims[d] < 0 ? batch_size : info.dims[d];
    }
    view.bytes = static_cast<size_t>(tensor_bytes(view.dtype, view.rank, view.dims));
  }
  const cnnc_status status =
      cnnc_prepare(executable_, inputs_.data(), static_cast<int32_t>(inputs_.size()),
                   outputs_.data(), static_cast<int32_t>(outputs_.size()));
  if (status == CNNC_OK) batch_size_ = batch_size;
  return status;
}

void StepRunner::set_inputs(const Batch& batch, const StepNumbers& numbers,
                            void* const* carried) {
  size_t next = 0;
  const auto give = [&](const void* data) { inputs_[next++].data = const_cast<void*>(data); };
  for (int32_t i = 0; i < layout_.model_inputs; ++i) give(batch.inputs[i]);
  if (layout_.has_step_number) give(&numbers.step);
  give(batch.labels);
  if (layout_.has_weights) give(batch.weights);
  if (layout_.is_training) give(&numbers.learning_rate);
  for (int32_t i = 0; i < layout_.factors; ++i) give(&numbers.factors[i]);
  if (layout_.has_share) give(&numbers.share);
  for (int32_t i = 0; i < layout_.carried; ++i) give(carried[i]);
}

cnnc_status StepRunner::run(const Batch& batch, const StepNumbers& numbers, void* const* carried,
                            void* const* kept, float* loss) {
  const cnnc_status status = prepare(batch.size);
  if (status != CNNC_OK) return status;
  set_inputs(batch, numbers, carried);
  outputs_[0].data = loss;
  const size_t updated = layout_.is_training ? static_cast<size_t>(layout_.carried) : 0;
  for (size_t i = 1; i < outputs_.size() - updated; ++i) outputs_[i].data = kept[i - 1];
  return cnnc_run(executable_, inputs_.data(), static_cast<int32_t>(inputs_.size()),
                  outputs_.data(), static_cast<int32_t>(outputs_.size()));
}

} // namespace cnnc
