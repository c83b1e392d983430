// The function by which rows of an array become columns of another one.
#pragma once
#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {

// Elements on a side of the squares that are transposed in registers.
int square_side(int f32_lanes, int64_t element_bytes);

// What it takes; distances are in elements.
struct RowsToTranspose {
  llvm::Value *from, *row_distance;    // element 0 of row 0, and from row to row
  llvm::Value *to, *column_distance;   // where its column goes, and from column to column
  llvm::Value *rows;                   // there are so many in the output; the function writes up to `side`
  llvm::Value *real;                   // so many of them are read, the others are zeros
  llvm::Value *first, *end, *columns;  // elements [first, end) of rows of `columns`
};

// Calls the function, which the kernels of a program share: for the shuffles of a square LLVM takes longer than for all else of
// such a kernel.
void call_transpose_rows(llvm::IRBuilderBase&, const SharedFunction&, llvm::IntegerType* element, int side,
                         const RowsToTranspose&);

}  // namespace cnnc::codegen
