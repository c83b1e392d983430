// Which tensors of a model training changes.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// Tensors that were constants of the model and are inputs of the graph now.
struct Parameters {
  struct Parameter {
    std::string name;
    Tensor initial;
    Value* value;
  };
  std::vector<Parameter> trained;     // in the model's order
  std::vector<Parameter> statistics;  // means and variances of BatchNormalization
  std::vector<Parameter> held;        // both kinds, which training leaves alone
};

// Makes inputs of the float tensors of rank 1 or more among `candidates` (names of initializers)
// that nodes use as weights, and of the statistics that normalization follows. Those named in
// `frozen` stay constants. Throws Error when `frozen` names none.
Parameters promote_parameters(Graph& graph, const std::set<std::string>& candidates,
                              const std::set<std::string>& frozen,
                              const std::set<std::string>& held = {});

// Whether a trained tensor is the weight of a Conv, ConvTranspose, Gemm or MatMul: what l1 and l2
// apply to.
bool is_regularized(const Value& parameter);

}  // namespace cnnc
