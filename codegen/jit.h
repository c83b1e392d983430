// Runs a compiled model in this process.
#pragma once
#include <memory>

#include "codegen/compile.h"
#include "runtime/cnnc.h"
#include "runtime/model.h"

namespace cnnc::codegen {

// Code and weights in memory. Executables that are made of model() must be destroyed before it.
class JitModel {
 public:
  explicit JitModel(CompiledModel model);
  ~JitModel();
  JitModel(JitModel&&) noexcept;

  const cnnc_model* model() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// A tensor as the C interface takes it. Throws Error when it has more axes than that allows.
cnnc_tensor_view view_of(const Tensor& tensor);
cnnc_tensor_view view_of(const Type& type, const void* data);
// Runs the model once: tensors in, tensors out. Throws Error when the inputs do not fit.
std::vector<Tensor> run(const JitModel& model, const std::vector<Tensor>& inputs, int threads = 1);

}  // namespace cnnc::codegen
