// What a Model is a handle of.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnc/model.h"
#include "frontend/dsl/build_graph.h"
#include "model/compiled_graph.h"

namespace cnnc::dsl {

struct TrainingState;

struct ModelState {
  std::unique_ptr<Graph> prototype;  // the weights are Constants under their names, maybe with old values
  // With the masks of outputs as further outputs; null when no output has one. Which of these is an output's mask.
  std::unique_ptr<Graph> prototype_with_masks;
  std::vector<std::optional<size_t>> masks;
  std::vector<BuiltWeight> weights;
  std::vector<BuiltLayer> layers;  // in the order of the summary; empty for imported models
  std::string name = "model";
  std::shared_ptr<TrainingState> training;  // null before compile()

  // A graph with the weights' present values.
  std::unique_ptr<Graph> graph() const;
  // The same with masks, if there are any.
  std::unique_ptr<Graph> graph_with_masks() const;
  const Graph& structure_with_masks() const { return prototype_with_masks ? *prototype_with_masks : *prototype; }
  std::optional<size_t> mask_of(size_t output) const { return output < masks.size() ? masks[output] : std::nullopt; }
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
