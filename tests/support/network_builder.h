// Layers with seeded random weights, for tests that need networks.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

struct ConvOptions {
  int64_t kernel = 1, stride = 1, padding = 0, group = 1;
  bool bias = false;
};

// Values are f32; images are [N, C, spatial...].
class NetworkBuilder {
 public:
  NetworkBuilder(Graph& graph, uint64_t seed) : graph_(graph), seed_(seed) {}

  // Numbers in [low, high).
  Value* weights(Shape shape, double low, double high);
  // Weights that keep the size of sums of `terms` products.
  Value* weights(Shape shape, int64_t terms);
  Value* conv(Value* x, int64_t channels, const ConvOptions& options = {});
  Value* batch_norm(Value* x);
  Value* conv_norm_relu(Value* x, int64_t channels, const ConvOptions& options = {});
  Value* pool(std::string_view op, Value* x, int64_t kernel, int64_t stride, int64_t padding = 0);
  // Over the last axis.
  Value* dense(Value* x, int64_t outputs);
  Value* layer_norm(Value* x);
  Value* ints(const Ints& values) { return graph_.constant(Tensor::ints(values)); }
  Value* make(std::string_view op, std::vector<Value*> operands, Attributes attributes = {}) {
    return graph_.make(op, std::move(operands), std::move(attributes));
  }

 private:
  Graph& graph_;
  uint64_t seed_;
};

}  // namespace cnnc
