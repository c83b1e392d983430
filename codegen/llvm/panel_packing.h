// Copies a panel of a matrix that is known only at run time into scratch memory.
#pragma once

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/loop_builder.h"

namespace cnnc::codegen {

// Columns [first_column, first_column + vectors * lanes) of a matrix of `rows` rows. Columns from
// `columns` on hold anything finite or not: nothing that is stored depends on them.
struct MatrixPanel {
  llvm::Type* element = nullptr;
  int lanes = 1;
  int vectors = 1;
  llvm::Value* matrix = nullptr;
  llvm::Value* row_stride = nullptr;
  llvm::Value* column_stride = nullptr;
  llvm::Value* rows = nullptr;
  llvm::Value* columns = nullptr;
  llvm::Value* first_column = nullptr;
  std::vector<llvm::Value*> masks;  // per vector, columns that exist; empty when all do
  llvm::Value* scratch = nullptr;   // [rows][vectors * lanes]
  SharedFunction shared_function;
};

// Transposes a square block in registers: as many vectors as each has lanes, a power of two.
void emit_transpose(llvm::IRBuilderBase&, Values& block);

void emit_panel_packing(llvm::IRBuilderBase&, const MatrixPanel&);

}  // namespace cnnc::codegen
