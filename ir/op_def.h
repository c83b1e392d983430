// Operator declarations: everything an operator is, in one block (see docs/adding-an-op.md).
#pragma once
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/computation.h"
#include "ir/error.h"
#include "ir/graph.h"

namespace cnnc {

// Which element types an operand may have.
using DTypes = std::vector<DType>;
// Inline, so that they are initialised before any declaration that uses them.
inline const DTypes kAnyType(std::begin(kAllDTypes), std::end(kAllDTypes));
// For operators that compute: narrow types are moved and converted only.
inline const DTypes kWideTypes{DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8,  DType::i16,    DType::i32,
                               DType::i64, DType::u8,  DType::u16, DType::u32,  DType::u64, DType::boolean};
inline const DTypes kFloatTypes{DType::f32, DType::f64, DType::f16, DType::bf16};
inline const DTypes kIntTypes{DType::i8, DType::i16, DType::i32, DType::i64,
                              DType::u8, DType::u16, DType::u32, DType::u64};
inline const DTypes kNumberTypes{DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8,  DType::i16,
                                 DType::i32, DType::i64, DType::u8,  DType::u16,  DType::u32, DType::u64};
inline const DTypes kBoolType{DType::boolean};
inline const DTypes kIndexTypes{DType::i32, DType::i64};

struct OperandDef {
  std::string name;
  DTypes types;
  // Operands with the same variable have the same element type ("T"); empty: not tied.
  std::string type_variable = "T";
  bool optional = false;
  bool variadic = false;  // the last input only: any number of operands, at least one
};

struct AttributeDef {
  std::string name;
  Attribute example;                 // fixes the kind
  std::optional<Attribute> fallback; // the default; none: see required
  bool required = false;
};

// What declarations see of a node: its operands, attributes and sizes, with faults reported in the node's name.
class OpContext {
 public:
  explicit OpContext(const Node& node) : node_(node) {}

  const Node& node() const { return node_; }
  size_t input_count() const { return node_.inputs().size(); }
  size_t output_count() const { return node_.output_count(); }
  bool has(size_t i) const { return node_.input(i) != nullptr; }
  const Type& type(size_t i = 0) const;
  DType dtype(size_t i = 0) const { return type(i).dtype; }
  const Dims& dims(size_t i = 0) const { return type(i).dims; }
  int rank(size_t i = 0) const { return type(i).rank(); }
  const Type& output_type(size_t i = 0) const { return node_.output(i)->type(); }

  bool has_attribute(std::string_view name) const { return node_.attribute(name) != nullptr; }
  int64_t integer(std::string_view name) const { return node_.int_attribute(name); }
  double number(std::string_view name) const { return node_.float_attribute(name); }
  const std::string& text(std::string_view name) const { return node_.string_attribute(name); }
  Ints integers(std::string_view name) const { return node_.ints_attribute(name); }

  // The elements of an operand that types depend on (Reshape's shape, Slice's starts); nullopt when not known now.
  std::optional<Dims> content(size_t i) const;
  // The same where inference cannot go on without them: throws Error telling that the data decides.
  Dims need_content(size_t i) const;
  Ints need_ints(size_t i) const;

  // Axis in [0, rank); negative counts from the end; throws Error when out of range.
  int axis(int64_t axis, int rank) const;
  // Normalised, checked for duplicates, in the given order.
  std::vector<int> axes(const Ints& axes, int rank) const;

  // Expressions for computations.
  Scalar load(size_t operand, Scalars indices) const;
  // Element of operand `i` at the output's `indices` under numpy broadcasting (trailing axes aligned).
  Scalar load_broadcast(size_t operand, const Scalars& indices) const;
  static Scalars indices(int count, int first = 0);

  // Throws Error: "node 'conv1' (Conv): <parts>".
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw Error(node_.description() + ": " + cat(parts...));
  }
  template <typename... Parts>
  void require(bool condition, const Parts&... parts) const {
    if (!condition) fail(parts...);
  }

 private:
  const Node& node_;
};

// A node as ONNX wrote it, while it is upgraded to the newest form of its operator.
struct OnnxNode {
  std::string op;
  std::vector<Value*> inputs;
  Attributes attributes;
  int output_count = 1;
  int64_t opset = 0;
  Graph& graph;
  bool for_training = false;  // how it runs in training is decided later, however it was exported

  bool has(const std::string& name) const { return attributes.count(name) != 0; }
  // Removes and returns an attribute.
  std::optional<Attribute> take(const std::string& name);
  // Moves an ints/int/float attribute to input `position` as a constant, padding absent inputs.
  void attribute_to_input(const std::string& name, size_t position);
};

// Operand of an example: random numbers in [low, high), or given content.
struct ExampleOperand {
  Type type;
  double low = -1, high = 1;
  std::optional<Tensor> tensor;
  bool absent = false;
};
ExampleOperand random(DType dtype, Shape shape, double low = -1, double high = 1);
ExampleOperand given(Tensor tensor);
ExampleOperand absent();

struct Example {
  std::vector<ExampleOperand> operands;
  Attributes attributes;
  int output_count = 0;
};

using InferFn = std::function<std::vector<Type>(const OpContext&)>;
using ElementwiseFn = std::function<Scalar(const OpContext&, const Scalars&)>;
using ComputeFn = std::function<Computation(const OpContext&, int output)>;
using DecomposeFn = std::function<std::vector<Value*>(const Node&, Graph&)>;
using KernelFn = std::function<std::vector<Tensor>(const Node&, const std::vector<const Tensor*>&)>;
using UpgradeFn = std::function<void(OnnxNode&)>;

class GradientBuilder;
using GradientFn = std::function<void(GradientBuilder&)>;

class OpDef {
 public:
  explicit OpDef(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  const std::string& doc_text() const { return doc_; }
  const std::vector<OperandDef>& inputs() const { return inputs_; }
  const std::vector<OperandDef>& outputs() const { return outputs_; }
  const std::vector<AttributeDef>& attributes() const { return attributes_; }
  const AttributeDef* attribute_def(std::string_view name) const;
  const Attribute* default_attribute(std::string_view name) const;
  // Versions of the ONNX operator that import accepts; empty for cnnc's own operators.
  const std::vector<int>& onnx_versions() const { return onnx_versions_; }
  const std::string& onnx_domain() const { return onnx_domain_; }
  const std::vector<std::pair<int, UpgradeFn>>& upgrades() const { return upgrades_; }
  const std::vector<Example>& examples() const { return examples_; }

  bool is_elementwise() const { return elementwise_ != nullptr; }
  bool has_computation() const { return compute_ != nullptr || elementwise_ != nullptr; }
  bool has_decomposition() const { return decompose_ != nullptr; }
  bool has_gradient() const { return gradient_ != nullptr; }
  bool has_kernel() const { return kernel_ != nullptr; }
  bool is_view() const { return view_; }
  bool is_pure() const { return pure_; }

  // ---- the declaration ---------------------------------------------------------------------------------------------
  OpDef& doc(std::string text);
  // The versions at which ONNX changed the operator and that import accepts.
  OpDef& onnx(std::vector<int> versions, std::string domain = "");
  // `fn` brings a node of opset <= last to the next newer form; several run from the oldest to the newest.
  OpDef& onnx_upgrade(int last, UpgradeFn fn);
  OpDef& input(std::string name, DTypes types = kAnyType, std::string type_variable = "T");
  OpDef& optional_input(std::string name, DTypes types = kAnyType, std::string type_variable = "T");
  OpDef& variadic_input(std::string name, DTypes types = kAnyType, std::string type_variable = "T");
  // An operator without output() has one, "output".
  OpDef& output(std::string name);
  OpDef& optional_output(std::string name);
  OpDef& variadic_output(std::string name);
  OpDef& attribute(std::string name, Attribute fallback);
  OpDef& required_attribute(std::string name, Attribute example_of_kind);
  OpDef& optional_attribute(std::string name, Attribute example_of_kind);  // absent without a default

  // One scalar expression of the operands' elements; numpy broadcasting; the result's type is the expression's.
  // f16 and bf16 operands arrive as f32; an f32 result is rounded back to the type of the operands of variable "T".
  OpDef& elementwise(std::function<Scalar(Scalar)> fn);
  OpDef& elementwise(std::function<Scalar(Scalar, Scalar)> fn);
  OpDef& elementwise(std::function<Scalar(Scalar, Scalar, Scalar)> fn);
  OpDef& elementwise_with(ElementwiseFn fn);
  // Output types from operands.
  OpDef& infer(InferFn fn);
  // Any other element-by-element description.
  OpDef& compute(ComputeFn fn);
  // Where each output element comes from: an expression of the output's indices.
  OpDef& indexed(std::function<Scalar(const OpContext&, const Scalars& indices)> fn);
  // The graph it stands for: builds it at the graph's insertion point and returns the replacements of the outputs.
  OpDef& decompose(DecomposeFn fn);
  // A plain reference implementation, for operators whose expression is too slow to interpret.
  OpDef& kernel(KernelFn fn);
  // How gradients of the outputs become those of the operands, where it does not follow from the scalar expression or from
  // the decomposition (see ir/gradient.h).
  OpDef& gradient(GradientFn fn);
  // The output has the input's bytes under another shape.
  OpDef& view();
  // Has an effect or a random result: never folded, merged or dropped.
  OpDef& impure();
  OpDef& example(std::vector<ExampleOperand> operands, Attributes attributes = {}, int output_count = 0);

  // ---- what the rest of the compiler asks --------------------------------------------------------------------------
  // Output types of the node; throws Error when operands or attributes do not fit the declaration.
  std::vector<Type> infer_types(const Node& node) const;
  // The computation of one output of a node whose types are known.
  Computation computation(const Node& node, int output = 0) const;
  // The scalar function of an element-wise node: an expression of param(k) = operand k's element (in its own type).
  Scalar scalar_function(const Node& node) const;
  std::vector<Value*> decomposition(const Node& node, Graph& graph) const { return decompose_(node, graph); }
  void build_gradient(GradientBuilder& builder) const { gradient_(builder); }
  std::vector<Tensor> run_kernel(const Node& node, const std::vector<const Tensor*>& operands) const {
    return kernel_(node, operands);
  }

 private:
  void check_operands(const Node& node) const;
  void check_attributes(const Node& node) const;
  std::vector<Type> infer_elementwise(const OpContext& context) const;

  std::string name_, doc_, onnx_domain_;
  std::vector<OperandDef> inputs_, outputs_;
  std::vector<AttributeDef> attributes_;
  std::vector<int> onnx_versions_;
  std::vector<std::pair<int, UpgradeFn>> upgrades_;
  std::vector<Example> examples_;
  ElementwiseFn elementwise_;
  InferFn infer_;
  ComputeFn compute_;
  DecomposeFn decompose_;
  KernelFn kernel_;
  GradientFn gradient_;
  bool view_ = false;
  bool pure_ = true;
};

// The registry. Throws Error when there is no operator of that name.
const OpDef& op_named(std::string_view name);
const OpDef* find_op(std::string_view name);
// The operator that stands for an ONNX operator, if there is one.
const OpDef* find_onnx_op(std::string_view domain, std::string_view op_type);
// All operators in order of name.
std::vector<const OpDef*> all_ops();
OpDef& register_op(std::string name);

// Sets output types and contents of a node.
void infer_node(Node& node);

#define CNNC_OP(name) static ::cnnc::OpDef& op_##name [[maybe_unused]] = ::cnnc::register_op(#name)

}  // namespace cnnc
