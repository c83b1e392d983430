// Compiled models as files: linked in this process with lld, no compiler needed.
#pragma once
#include <optional>
#include <string>

#include "codegen/compile.h"

namespace cnnc::codegen {

enum class Artefact { executable, shared_library, archive, object };

struct LinkOptions {
  Artefact artefact = Artefact::executable;
  bool is_static = false;      // executable: no dynamic loader, nothing needed at run time
  std::string name = "model";  // libraries and objects export `cnnc_model_<name>`; a C identifier
  std::string library_folder;  // where libcnnc_runtime.a, libcnnc_main.a and libcnnc_dnnl.a are
};

// Writes the artefact under `path` (through a temporary name beside it, renamed when complete; nothing is left on failure,
// nor when a signal ends the process). `model` was compiled with ObjectKind::linked. Throws Error: Fault::file when the
// file cannot be written, Fault::usage when the options do not fit the model.
//
// What is in it:
//   executable      the kernels, the weights and the runtime's main(); it loads libc only, and libgomp and oneDNN when the
//                   model has a oneDNN step. With is_static it loads nothing.
//   shared library  the same without main(); exports the C interface of runtime/cnnc.h and the model.
//   archive         an object with kernels and weights, and the runtime's.
//   object          kernels and weights alone.
void link(const CompiledModel& model, const std::string& path, const LinkOptions& options);

// A trainer: the programs of its steps, and the record that its main() reads (runtime/training/trainer.h).
struct TrainerParts {
  CompiledModel training;
  std::optional<CompiledModel> other_batches, evaluation;
  Tensor record;
};
// Writes an executable, as above.
void link_trainer(const TrainerParts& parts, const std::string& path, const LinkOptions& options);

// `text` as a C identifier: other characters become '_'.
std::string c_identifier(const std::string& text);
// The C header of a model's library: documented declarations, sizes and names as constants.
std::string c_header(const Graph& graph, const std::string& name);

}  // namespace cnnc::codegen
