// SortedPlaces: a kernel that hands its rows to the runtime (runtime/sorted_places.h).
#include "runtime/sorted_places.h"

#include <llvm/IR/Module.h>

#include "codegen/llvm/kernel_context.h"

namespace cnnc::codegen {

KernelNeeds emit_sorted_places_kernel(KernelContext& k) {
  llvm::IRBuilderBase& b = k.builder;
  const Type& x = k.node.input(0)->type();
  const Dim &size = x.dims.back(), &count = k.node.output()->type().dims.back();
  auto *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  auto* pointer = b.getPtrTy();
  auto* type = llvm::FunctionType::get(b.getVoidTy(), {i32, i32, pointer, pointer, i64, i64, i64, i64, pointer}, false);
  llvm::Module& module = *b.GetInsertBlock()->getModule();
  b.CreateCall(module.getOrInsertFunction("cnnc_sorted_places", type),
               {b.getInt32(static_cast<uint32_t>(x.dtype)), b.getInt32(k.node.int_attribute("largest") != 0), k.operand(0),
                k.output, k.size(size), k.size(count), k.begin, k.end, k.scratch});
  KernelNeeds needs;
  needs.tasks.dim = product(Dims(x.dims.begin(), x.dims.end() - 1));
  needs.scratch = StepNumber{Dim::min(size, count * 2 + kSortedPlacesRoom) * kSortedPlaceBytes, nullptr};
  return needs;
}

}  // namespace cnnc::codegen
