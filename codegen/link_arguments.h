// What a linker is told for each kind of artefact.
#pragma once
#include <string>
#include <vector>

#include "codegen/link.h"

namespace cnnc::codegen {

// Files of a model that are ready to be linked.
struct LinkInputs {
  std::vector<std::string> objects;  // the model's, and its empty weights
  std::string main_archive;          // executable: which of our archives has main()
  std::string version_script;        // shared library
  std::vector<std::string> roots;    // shared library: what is taken out of the archives though nothing refers to it
  bool uses_dnnl = false;
};

// The arguments of ld.lld, its name first. Throws Error (Fault::file) when libc or GCC's libraries are not found.
std::vector<std::string> link_arguments(const LinkInputs& inputs, const LinkOptions& options, const std::string& output);

// One of our archives in options.library_folder. Throws Error when it is not there.
std::string library_path(const LinkOptions& options, const std::string& name);

}  // namespace cnnc::codegen
