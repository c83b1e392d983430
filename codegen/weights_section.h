// The weights of a model as a section of an ELF file.
//
// Weights are large, so nothing but their final file ever holds them: the linker gets an object in which their section is
// empty (it has a size but no bytes), and they are written into what it made.
#pragma once
#include <string>
#include <vector>

#include "codegen/compile.h"

namespace cnnc::codegen {

struct WeightsSymbol {
  std::string name;
  uint64_t offset;
};

// A relocatable object that defines symbols in an empty section of `bytes` bytes. A linked file gives that section a
// segment of its own, at its end.
std::vector<char> empty_weights_object(const std::vector<WeightsSymbol>& symbols, uint64_t bytes);

// Fills the section in `path`, a relocatable, executable or shared object linked with such an object, by appending the
// weights to the file. Throws Error (Fault::file) when the file cannot be written.
void fill_weights(const std::string& path, const Weights& weights);

}  // namespace cnnc::codegen
