// What a Model is a handle of.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cnnc/model.h"
#include "frontend/dsl/build_graph.h"
#include "model/compiled_graph.h"

namespace cnnc::dsl {

struct TrainingState;

struct ModelState {
  std::unique_ptr<Graph> prototype;  // the weights are Constants under their names, maybe with old values
  std::vector<BuiltWeight> weights;
  std::vector<BuiltLayer> layers;  // in the order of the summary; empty for imported models
  std::string name = "model";
  std::shared_ptr<TrainingState> training;  // null before compile()

  // A graph with the weights' present values.
  std::unique_ptr<Graph> graph() const;
  // Throws Error when there is no weight of that name.
  BuiltWeight& weight_named(const std::string& name);

  // The compiled graph that predict uses, kept until a weight has changed.
  CompiledGraph& predictor(int threads);

 private:
  std::unique_ptr<CompiledGraph> predictor_;
  int predictor_threads_ = 0;
  std::vector<cnnc::Tensor> predictor_weights_;  // that it was made with; kept, so that an address stands for a value
};

// Throws Error for a number of threads below 0.
void require_threads(int threads);

std::shared_ptr<ModelState> state_of(ModelDefinition definition);
std::shared_ptr<ModelState> imported_state(const std::string& path);

}  // namespace cnnc::dsl
