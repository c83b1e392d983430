// What a Tensor of the DSL is a handle of: a node of the recorded definition, from which graphs are made.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cnnc/layers.h"
#include "ir/graph.h"

namespace cnnc::dsl {

struct ArrayStorage {
  cnnc::Tensor tensor;
  double scale = 1;
};
Array array_of(cnnc::Tensor tensor);
// Elements of types that arrays do not have become those of a wider one; throws for texts and complex numbers.
Array array_from_file(const cnnc::Tensor& tensor, const std::string& what);
// Elements [begin, end) of the first axis; the bytes are shared.
cnnc::Tensor rows_of(const cnnc::Tensor& tensor, int64_t begin, int64_t end);
// The rows of all parts, one after the other.
cnnc::Tensor joined_rows(const std::vector<cnnc::Tensor>& parts);

// to[i] = float(from[i]) * factor.
void scale_bytes(const uint8_t* from, int64_t count, float factor, float* to);

// A weight: shared by all graphs that are made of its layer, so that training one trains them all.
struct Variable {
  std::string role;  // "kernel"
  LayerState* layer;
  cnnc::Tensor value;
  Regularizer regularizer;
  bool trainable;
};

// One call of a layer, or one operation outside of layers: a row of the summary.
struct LayerCall {
  std::shared_ptr<LayerState> layer;
  std::vector<std::shared_ptr<const Definition>> inputs;
  const Definition* result = nullptr;  // the first one; null outside of layers
};

struct Operation {
  std::string op;
  std::vector<std::shared_ptr<const Definition>> operands;  // null where absent
  Attributes attributes;
  std::shared_ptr<const LayerCall> call;
  int results = 0;  // that are asked for; 0: all that are not optional
};

// A value: an input of the model, a weight, a constant, or a result of an operation.
struct Definition {
  Type type;
  std::string name;  // of an input; may be empty
  Location where;    // of an input
  std::shared_ptr<const Operation> operation;
  size_t result = 0;  // which one of the operation's
  std::shared_ptr<Variable> variable;
  std::shared_ptr<const cnnc::Tensor> constant;
  std::shared_ptr<const LayerCall> call;  // that it is the result of; null for inputs, weights and constants
  bool is_input_view = false;             // an input with channels last, transposed
};
using DefinitionPtr = std::shared_ptr<const Definition>;

struct LayerState {
  std::string type;  // "Conv2D"
  std::string name;  // "" until somebody gives one
  Layer::ManyFunction function;
  // What becomes of the inputs' masks: they end, go on to the results, or the function decides.
  enum class Masks { end, go_on, decided };
  Masks masks = Masks::end;
  bool warned_of_mask = false;
  bool trainable = true;
  Location where;
  std::vector<std::shared_ptr<Variable>> variables;
  InputOptions input;  // of type "Input"

  // "layer 'head' (Dense) of lenet.cpp:12".
  std::string description() const;
};

// Records an operation and infers its type. Throws Error in the layer's name, with the line and the operands' types.
Tensor record(const std::string& op, const Tensors& operands, Attributes attributes, Location where);
// The first results, `results` of them, of operands some of which may be absent.
Tensors record_results(const std::string& op, const std::vector<const Tensor*>& operands, Attributes attributes,
                       int results, Location where);
// Makes the operation's node with these operands and so many results; 0: all that are not optional.
Node& add_operation(Graph& graph, const std::string& op, std::vector<Value*> operands, const Attributes& attributes,
                    int results);
Tensor constant_tensor(cnnc::Tensor values);
Tensor weight_tensor(std::shared_ptr<Variable> variable);
Tensor integers(const std::vector<int64_t>& values);

// The call that operations are recorded for; null outside of layers.
class CallScope {
 public:
  CallScope(std::shared_ptr<LayerState> layer, const Tensors& inputs);
  ~CallScope();
  static std::shared_ptr<const LayerCall> current();
  void set_result(const Tensor& result);

 private:
  bool outermost_;
};

// "file.cpp:12".
std::string line_of(const Location& where);

}  // namespace cnnc::dsl
