// cnnc compile --train: an executable that trains a model.
#pragma once
#include "codegen/link.h"
#include "tools/training_options.h"

namespace cnnc::tools {

struct TrainerFlags {
  TrainingFlags training;
  int64_t batch_size = 32;
  std::string labels;
  bool trains = false, weighted = false;

  void add_to(CLI::App& app);
};

// Writes the executable. Throws Error.
void compile_trainer(const TrainerFlags& flags, const ModelOptions& model, const codegen::BuildOptions& build,
                     const std::string& path, const codegen::LinkOptions& link);

}  // namespace cnnc::tools
