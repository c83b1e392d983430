// The graph IR: one SSA form from import to code generation.
//
// A Graph owns its Nodes in execution order and its inputs; a Node owns its output Values. A Value is defined once and
// knows its users. Types and known contents are inferred when a node is made, by the operator's declaration.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/attribute.h"
#include "ir/origins.h"
#include "ir/type.h"

namespace cnnc {

class Graph;
class Node;
class OpDef;

using NodeList = std::list<std::unique_ptr<Node>>;

class Value {
 public:
  const Type& type() const { return type_; }
  const Dim& dim(int axis) const { return type_.dims[static_cast<size_t>(axis)]; }
  int rank() const { return type_.rank(); }
  DType dtype() const { return type_.dtype; }
  // The name in the source file, or empty.
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  // The node that computes it; null for a graph input.
  Node* producer() const { return producer_; }
  // Which output of the producer, or which input of the graph.
  int index() const { return index_; }
  Graph& graph() const { return *graph_; }

  struct ById {
    bool operator()(const Node* a, const Node* b) const;
  };
  // Nodes that use it, in order of creation, with the number of operands that are this value.
  const std::map<Node*, int, ById>& users() const { return users_; }
  // Uses by nodes and as outputs of its graph.
  int use_count() const { return node_uses_ + output_uses_; }
  bool is_graph_output() const { return output_uses_ > 0; }

  // The elements, when they are integers that can be written as sizes: constants, shapes, and arithmetic on them.
  const std::optional<Dims>& content() const { return content_; }
  // The elements as numbers, when all of them are known.
  std::optional<Ints> known_ints() const;
  // The tensor, when a Constant node defines it.
  const Tensor* constant() const;

  // For inference and for passes that learn more about a value; the verifier checks types against the declarations.
  void set_type(Type type) { type_ = std::move(type); }
  void set_content(std::optional<Dims> content) { content_ = std::move(content); }

 private:
  friend class Graph;
  friend class Node;
  Value(Graph& graph, Node* producer, int index) : graph_(&graph), producer_(producer), index_(index) {}

  Graph* graph_;
  Node* producer_;
  int index_;
  Type type_;
  std::string name_;
  std::optional<Dims> content_;
  std::map<Node*, int, ById> users_;
  int node_uses_ = 0;    // the sum of users_
  int output_uses_ = 0;
};

class Node {
 public:
  const OpDef& op() const { return *op_; }
  const std::string& op_name() const;
  bool is(std::string_view op) const { return op_name() == op; }

  // Operands in order; null where an optional one is absent.
  const std::vector<Value*>& inputs() const { return inputs_; }
  Value* input(size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  void set_input(size_t i, Value* value);
  void add_input(Value* value);

  size_t output_count() const { return outputs_.size(); }
  Value* output(size_t i = 0) const { return outputs_[i].get(); }

  const Attributes& attributes() const { return attributes_; }
  const Attribute* attribute(std::string_view name) const;
  void set_attribute(const std::string& name, Attribute value) { attributes_[name] = std::move(value); }
  void remove_attribute(const std::string& name) { attributes_.erase(name); }
  // The attribute or the declared default; CNNC_CHECK fails when it has neither or is of another kind.
  int64_t int_attribute(std::string_view name) const;
  double float_attribute(std::string_view name) const;
  const std::string& string_attribute(std::string_view name) const;
  Ints ints_attribute(std::string_view name) const;
  // The region; null when there is none.
  Graph* region(std::string_view name) const;

  // Names of the source nodes that this node stands for, kept through every pass.
  const Origins& origins() const { return origins_; }
  void add_origins(const Origins& origins) { origins_.join(origins); }
  // "node 'conv1' (Conv)": for messages.
  std::string description() const;

  Graph& graph() const { return *graph_; }
  // Unique in the process: values of an enclosing graph have users in several graphs.
  int64_t id() const { return id_; }
  NodeList::iterator position() const { return position_; }

  // Computes output types and contents anew from the operands. Throws Error when the operands do not fit the operator.
  void infer();

 private:
  friend class Graph;
  Node(Graph& graph, const OpDef& op, int64_t id) : graph_(&graph), op_(&op), id_(id) {}

  Graph* graph_;
  const OpDef* op_;
  int64_t id_;
  std::vector<Value*> inputs_;
  std::vector<std::unique_ptr<Value>> outputs_;
  Attributes attributes_;
  Origins origins_;
  NodeList::iterator position_;
};

// What must hold for the sizes of a run.
struct SizeCondition {
  Dim zero;          // is 0 where the condition holds
  std::string text;  // "node 'concat' (Concat): batch = n"
};

class Graph {
 public:
  explicit Graph(std::string name = "main") : name_(std::move(name)) {}
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  const std::vector<std::unique_ptr<Value>>& inputs() const { return inputs_; }
  Value* add_input(Type type, std::string name = "");
  void remove_input(size_t index);  // must have no uses
  // Puts these inputs behind the others, in this order.
  void move_inputs_to_end(const std::vector<Value*>& inputs);

  const std::vector<Value*>& outputs() const { return outputs_; }
  const Strings& output_names() const { return output_names_; }
  // The name is what the caller of the model sees; it need not be the value's.
  void add_output(Value* value, std::string name = "");
  void set_output(size_t index, Value* value);
  // The input that the output updates in place: a run leaves the output in the input's memory, and has none of its own for
  // it. Null where the output has memory of its own. The meaning of the graph's nodes does not depend on it.
  Value* updated_input(size_t output) const { return updated_inputs_[output]; }
  void set_updated_input(size_t output, Value* input) { updated_inputs_[output] = input; }
  void remove_outputs();

  // In execution order. Erasing or inserting other nodes keeps iterators valid.
  const NodeList& nodes() const { return nodes_; }

  // Makes a node before the insertion point and infers its types. `output_count` is for operators with a variable number
  // of outputs (Split); 0 means the declared number. Throws Error when operands or attributes do not fit.
  Node* add(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}, int output_count = 0);
  // The same for one result.
  Value* make(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {});
  Value* constant(Tensor tensor);
  // The same node with other operands: op, attributes (regions shared), origins.
  Node* clone_node(const Node& node, std::vector<Value*> inputs);

  // New nodes go before this one; nodes().end() appends.
  NodeList::iterator insertion_point() const { return insertion_point_; }
  void set_insertion_point(NodeList::iterator where) { insertion_point_ = where; }
  void append_at_end() { insertion_point_ = nodes_.end(); }
  // New nodes get these origins.
  void set_current_origins(Origins origins) { current_origins_ = std::move(origins); }
  const Origins& current_origins() const { return current_origins_; }

  // All uses of `from`, also as graph output, become uses of `to`. `to` inherits the name when it has none.
  void replace_uses(Value* from, Value* to);
  // Removes a node whose outputs have no uses.
  void erase(Node* node);
  void move_before(Node* node, NodeList::iterator where);

  // Conditions that hold for the whole graph, besides those that its nodes imply (ir/size_conditions.h): what the graph was
  // before passes changed it.
  const std::vector<SizeCondition>& conditions() const { return conditions_; }
  // False when there is one of this `zero` already.
  bool add_condition(SizeCondition condition);

  std::unique_ptr<Graph> clone() const;
  // The node that holds this graph as a region; null at the top.
  Node* parent() const { return parent_; }
  void set_parent(Node* parent) { parent_ = parent; }
  // Names of all size symbols in the types of its inputs.
  std::vector<std::string> symbols() const;

 private:
  friend class Node;
  static void add_use(Value* value, Node* user);
  static void remove_use(Value* value, Node* user);

  std::string name_;
  std::vector<std::unique_ptr<Value>> inputs_;
  std::vector<Value*> outputs_;
  Strings output_names_;
  std::vector<Value*> updated_inputs_;  // by output
  NodeList nodes_;
  NodeList::iterator insertion_point_ = nodes_.end();
  Origins current_origins_;
  std::vector<SizeCondition> conditions_;
  Node* parent_ = nullptr;
};

// Sets the insertion point and the origins of new nodes while it lives.
class InsertBefore {
 public:
  explicit InsertBefore(const Node& node);
  ~InsertBefore();

 private:
  Graph& graph_;
  NodeList::iterator where_;
  Origins origins_;
};

// ---- ir/text.cpp ---------------------------------------------------------------------------------------------------
struct PrintOptions {
  // Tensors with more elements than this are printed as `@hash` (parsing gives a constant of that hash without data);
  // -1 prints all elements.
  int64_t max_elements = 16;
  bool origins = true;
  bool names = true;  // false: all values are numbered, so that graphs of the same structure print the same
};
std::string print(const Graph& graph, const PrintOptions& options = {});
// One node, for messages and explanations.
std::string print(const Node& node, const PrintOptions& options = {});
// The graph that `print` wrote. Throws Error with line and column.
std::unique_ptr<Graph> parse_graph(std::string_view text);

// ---- ir/verify.cpp -------------------------------------------------------------------------------------------------
// Throws Error when the graph breaks a rule: definitions before uses, types as declared, users consistent.
void verify(const Graph& graph);

// ---- ir/interpreter.cpp --------------------------------------------------------------------------------------------
// The reference: evaluates every node from its declaration, in order. Inputs fit the graph's input types; size symbols
// take their values from the inputs.
std::vector<Tensor> interpret(const Graph& graph, const std::vector<Tensor>& inputs);
// Evaluates one node on given operands (null where absent). `symbols` gives the values of size symbols in it.
std::vector<Tensor> interpret_node(const Node& node, const std::vector<const Tensor*>& operands,
                                   const std::map<std::string, int64_t>& symbols = {});
// Whether an operator says what it computes, by itself; one of control flow has it in its regions.
bool can_interpret(const OpDef& op);
// The tensor that a value always is, when constants and known sizes alone decide it and nothing on the way is large.
std::optional<Tensor> constant_value(const Value& value);

}  // namespace cnnc
