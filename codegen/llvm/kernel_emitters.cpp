#include "codegen/llvm/kernel_context.h"

namespace cnnc::codegen {

const KernelEmitter* find_kernel_emitter(const std::string& kind) {
  static const std::map<std::string, KernelEmitter> kEmitters = {
      {"llvm:loops", {emit_loops_kernel}},
      {"llvm:for_each", {emit_for_each_kernel}},
      {"llvm:contract", {emit_contraction_kernel}},
      {"llvm:depthwise", {emit_depthwise_kernel}},
      {"llvm:winograd", {emit_winograd_kernel}},
      {"llvm:winograd_gradient", {emit_winograd_gradient_kernel}},
      {"llvm:matmul", {emit_matmul_kernel}},
      {"llvm:transpose", {emit_transpose_kernel, transpose_form}},
      {"llvm:weight_gradient", {emit_weight_gradient_kernel}},
      {"runtime:sorted_places", {emit_sorted_places_kernel}},
  };
  const auto it = kEmitters.find(kind);
  return it == kEmitters.end() ? nullptr : &it->second;
}

}  // namespace cnnc::codegen
