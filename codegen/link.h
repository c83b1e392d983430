// Compiled models as files: linked in this process with lld, no compiler needed.
#pragma once
#include <string>

#include "codegen/compile.h"

namespace cnnc::codegen {

enum class Artefact { executable, shared_library, archive, object };

struct LinkOptions {
  Artefact artefact = Artefact::executable;
  bool is_static = false;      // executable: no dynamic loader, nothing needed at run time
  std::string library_folder;  // where libcnnc_runtime.a, libcnnc_main.a and libcnnc_dnnl.a are
};

// Writes the artefact under `path` (through a temporary name beside it, renamed when complete; nothing is left on failure).
// `model` was compiled with ObjectKind::linked. Throws Error (Fault::file) when it cannot be written.
void link(const CompiledModel& model, const std::string& path, const LinkOptions& options);
// The C header of a model's library: documented declarations, sizes and names as constants.
std::string c_header(const Graph& graph, const std::string& name);

}  // namespace cnnc::codegen
