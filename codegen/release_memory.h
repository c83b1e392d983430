// Memory that a compilation took and what is compiled does not need.
#pragma once

namespace cnnc::codegen {

// Gives back free memory of the heap, and the pages of code, most of them LLVM's: they are read from their files again when
// they are called.
void release_compilers_memory();

}  // namespace cnnc::codegen
