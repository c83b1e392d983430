// A recorded definition becomes a graph of the IR.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "frontend/dsl/definition.h"

namespace cnnc::dsl {

struct BuiltWeight {
  std::string name;  // "conv2d_1/kernel": also of the Constant's value in graphs
  std::shared_ptr<Variable> variable;
  std::shared_ptr<LayerState> owner;  // the layer in whose call it is used; null in imported models
  bool frozen = false;                // by Model::set_trainable
  bool is_statistic = false;          // of BatchNormalization: follows the data instead of a gradient

  bool is_trainable() const;
};

// One row of the summary.
struct BuiltLayer {
  std::shared_ptr<LayerState> layer;
  std::string name;
  Type output;
  std::vector<size_t> weights;      // indices into ModelDefinition::weights; those of a shared layer appear once
  std::vector<std::string> inputs;  // names of the layers that it is called on
};

// What lies between inputs and outputs, in the order in which it was defined.
struct ModelDefinition {
  Tensors inputs, outputs;
  std::vector<std::string> input_names, output_names;
  std::vector<BuiltLayer> layers;
  std::vector<BuiltWeight> weights;
  std::vector<DefinitionPtr> order;  // all results, operands before users
  // Of outputs that have a mask, null for others; and what is computed for masks alone, behind all of `order`.
  std::vector<DefinitionPtr> masks, mask_order;
};

// Throws Error when an output depends on an input that is not given, or an input is none.
ModelDefinition define_model(const Tensors& inputs, const Tensors& outputs);

// The graph with the weights' present values as Constants that bear their names. Dropout and BatchNormalization are in
// the form in which ONNX has them for inference.
std::unique_ptr<Graph> build_graph(const ModelDefinition& model);
// The same with the masks of outputs, as further outputs in their order; null when there are none.
std::unique_ptr<Graph> build_graph_with_masks(const ModelDefinition& model);

}  // namespace cnnc::dsl
