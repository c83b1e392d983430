// The scalar expressions of a contraction's results as an Epilogue of its kernel.
#pragma once
#include "codegen/llvm/contraction_spec.h"
#include "codegen/llvm/expression.h"
#include "codegen/llvm/kernel_context.h"
#include "ir/affine.h"

namespace cnnc::codegen {

// To be made where the kernel begins: what is the same for all elements (a learning rate) is computed there.
class EpilogueBuilder {
 public:
  EpilogueBuilder(const KernelContext& kernel, const ContractionView& view);

  // Null when the sums are stored as they are. Refers to the builder.
  Epilogue build() const;

 private:
  // The value of an expression that is the same for all elements, kept in memory: the registers are the sums'.
  struct Uniform {
    llvm::Value* value = nullptr;  // of a bool
    llvm::AllocaInst* place = nullptr;
    mutable std::map<int, llvm::Value*> masks;  // of a bool, for so many lanes
  };

  int channel_axis() const { return static_cast<int>(dims_.size()) - 1; }
  Scalar join_offsets(const Scalar& expr) const;
  Scalar joined(const Scalar& offset) const;
  bool is_own_place(const Affine& offset) const;
  void join_group(const Affine& from, const std::vector<int>& axes, int loop, Affine& to) const;
  Scalars own_loads() const;
  void take_uniform_parts();
  llvm::Value* mask_of(const Uniform& uniform, int lanes) const;
  bool is_uniform(const Scalar& expr, std::map<const Scalar::Node*, bool>& known) const;
  Scalar add_uniform(const Scalar& expr);
  llvm::Value* emit(EpilogueContext& c) const;
  Emitted param(EpilogueContext& c, int number) const;
  Emitted index(EpilogueContext& c, int loop) const;

  const KernelContext& kernel_;
  Dims dims_;
  ResultAxes axes_;
  Scalars results_;
  Scalars own_;  // loads of elements at the result's own place, which no guard needs to forbid
  std::vector<Uniform> uniform_;
};

}  // namespace cnnc::codegen
