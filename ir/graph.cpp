#include "ir/graph.h"

#include <algorithm>
#include <atomic>

#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc {

bool Value::ById::operator()(const Node* a, const Node* b) const { return a->id() < b->id(); }

std::optional<Ints> Value::known_ints() const {
  if (!content_) return std::nullopt;
  Ints ints;
  for (const Dim& d : *content_) {
    if (!d.is_const()) return std::nullopt;
    ints.push_back(d.value());
  }
  return ints;
}

const Tensor* Value::constant() const {
  if (producer_ == nullptr || !producer_->is("Constant")) return nullptr;
  return std::get_if<Tensor>(producer_->attribute("value"));
}

const std::string& Node::op_name() const { return op_->name(); }

void Node::set_input(size_t i, Value* value) {
  if (inputs_[i] == value) return;
  if (inputs_[i]) Graph::remove_use(inputs_[i], this);
  inputs_[i] = value;
  if (value) Graph::add_use(value, this);
}

void Node::add_input(Value* value) {
  inputs_.push_back(value);
  if (value) Graph::add_use(value, this);
}

const Attribute* Node::attribute(std::string_view name) const {
  auto it = attributes_.find(std::string(name));
  if (it != attributes_.end()) return &it->second;
  return op_->default_attribute(name);
}

template <typename T>
static const T& attribute_as(const Node& node, std::string_view name) {
  const Attribute* attribute = node.attribute(name);
  CNNC_CHECK(attribute != nullptr) << node.description() << " has no attribute " << name;
  const T* value = std::get_if<T>(attribute);
  CNNC_CHECK(value != nullptr) << node.description() << ": attribute " << name << " is " << kind_of(*attribute);
  return *value;
}

int64_t Node::int_attribute(std::string_view name) const { return attribute_as<int64_t>(*this, name); }
double Node::float_attribute(std::string_view name) const { return attribute_as<double>(*this, name); }
const std::string& Node::string_attribute(std::string_view name) const {
  return attribute_as<std::string>(*this, name);
}
Ints Node::ints_attribute(std::string_view name) const { return attribute_as<Ints>(*this, name); }

Graph* Node::region(std::string_view name) const {
  const Attribute* attribute = this->attribute(name);
  const auto* region = attribute ? std::get_if<std::shared_ptr<Graph>>(attribute) : nullptr;
  return region ? region->get() : nullptr;
}

std::string Node::description() const {
  const Strings origins = origins_.names();
  std::string names;
  for (size_t i = 0; i < origins.size() && i < 3; ++i) names += (i ? ", " : "") + quoted(origins[i]);
  if (origins.size() > 3) names += cat(" and ", origins.size() - 3, " more");
  if (names.empty()) return cat("node ", op_name());
  return cat("node ", names, " (", op_name(), ")");
}

void Node::infer() { infer_node(*this); }

Graph::~Graph() {
  for (Value* output : outputs_)
    if (&output->graph() != this) --output->output_uses_;
  // Regions may use values of this graph, so they go first.
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
    (*it)->attributes_.clear();
    for (Value* input : (*it)->inputs_)
      if (input) remove_use(input, it->get());
    (*it)->inputs_.clear();
  }
}

void Graph::add_use(Value* value, Node* user) {
  ++value->users_[user];
  ++value->node_uses_;
}

void Graph::remove_use(Value* value, Node* user) {
  auto it = value->users_.find(user);
  --value->node_uses_;
  if (--it->second == 0) value->users_.erase(it);
}

Value* Graph::add_input(Type type, std::string name) {
  inputs_.emplace_back(new Value(*this, nullptr, static_cast<int>(inputs_.size())));
  inputs_.back()->type_ = std::move(type);
  inputs_.back()->name_ = std::move(name);
  return inputs_.back().get();
}

void Graph::remove_input(size_t index) {
  const Value* input = inputs_[index].get();
  CNNC_CHECK(input->use_count() == 0) << "input " << index << " of graph " << name_ << " is used";
  CNNC_CHECK(std::find(updated_inputs_.begin(), updated_inputs_.end(), input) == updated_inputs_.end())
      << "input " << index << " of graph " << name_ << " is updated by an output";
  inputs_.erase(inputs_.begin() + static_cast<long>(index));
  for (size_t i = index; i < inputs_.size(); ++i) inputs_[i]->index_ = static_cast<int>(i);
}

void Graph::move_inputs_to_end(const std::vector<Value*>& inputs) {
  for (Value* input : inputs) {
    const auto it = inputs_.begin() + input->index_;
    std::rotate(it, it + 1, inputs_.end());
    for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i]->index_ = static_cast<int>(i);
  }
}

void Graph::add_output(Value* value, std::string name) {
  outputs_.push_back(value);
  output_names_.push_back(std::move(name));
  updated_inputs_.push_back(nullptr);
  ++value->output_uses_;
}

void Graph::set_output(size_t index, Value* value) {
  --outputs_[index]->output_uses_;
  outputs_[index] = value;
  ++value->output_uses_;
}

void Graph::remove_outputs() {
  for (Value* output : outputs_) --output->output_uses_;
  outputs_.clear();
  output_names_.clear();
  updated_inputs_.clear();
}

static std::atomic<int64_t> next_id = 0;

Node* Graph::add(std::string_view op, std::vector<Value*> inputs, Attributes attributes, int output_count) {
  const OpDef& def = op_named(op);
  std::unique_ptr<Node> node(new Node(*this, def, next_id++));
  node->attributes_ = std::move(attributes);
  node->origins_ = current_origins_;
  if (output_count == 0) output_count = static_cast<int>(def.outputs().size());
  for (int i = 0; i < output_count; ++i) node->outputs_.emplace_back(new Value(*this, node.get(), i));
  for (auto& [name, attribute] : node->attributes_)
    if (auto* region = std::get_if<std::shared_ptr<Graph>>(&attribute)) (*region)->set_parent(node.get());
  node->inputs_ = std::move(inputs);
  node->infer();  // may throw; nothing refers to the node yet
  for (Value* input : node->inputs_)
    if (input) add_use(input, node.get());
  Node* result = node.get();
  result->position_ = nodes_.insert(insertion_point_, std::move(node));
  return result;
}

Value* Graph::make(std::string_view op, std::vector<Value*> inputs, Attributes attributes) {
  return add(op, std::move(inputs), std::move(attributes), 1)->output();
}

Value* Graph::constant(Tensor tensor) { return make("Constant", {}, {{"value", std::move(tensor)}}); }

Node* Graph::clone_node(const Node& node, std::vector<Value*> inputs) {
  Attributes attributes = node.attributes();
  for (auto& [name, attribute] : attributes)
    if (auto* region = std::get_if<std::shared_ptr<Graph>>(&attribute)) *region = (*region)->clone();
  Node* copy = add(node.op_name(), std::move(inputs), std::move(attributes), static_cast<int>(node.output_count()));
  copy->add_origins(node.origins());
  for (size_t i = 0; i < node.output_count(); ++i) copy->output(i)->set_name(node.output(i)->name());
  return copy;
}

void Graph::replace_uses(Value* from, Value* to) {
  CNNC_CHECK(from != to) << "value " << from->name() << " is replaced by itself";
  const auto users = from->users_;
  for (const auto& [user, operands] : users)
    for (size_t i = 0; i < user->inputs_.size(); ++i)
      if (user->inputs_[i] == from) user->set_input(i, to);
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i] == from) set_output(i, to);
  if (to->name_.empty()) to->name_ = from->name_;
}

void Graph::erase(Node* node) {
  for (const auto& output : node->outputs_)
    CNNC_CHECK(output->use_count() == 0) << node->description() << " is erased but still used";
  for (Value* input : node->inputs_)
    if (input) remove_use(input, node);
  if (insertion_point_ == node->position_) ++insertion_point_;
  nodes_.erase(node->position_);
}

void Graph::move_before(Node* node, NodeList::iterator where) { nodes_.splice(where, nodes_, node->position_); }

// Makes the regions of a cloned node use the clones of the values that they take from enclosing graphs.
static void remap_captures(const Node& node, const std::map<const Value*, Value*>& map) {
  for (const auto& [name, attribute] : node.attributes()) {
    const auto* region = std::get_if<std::shared_ptr<Graph>>(&attribute);
    if (region == nullptr) continue;
    for (const auto& inner : (*region)->nodes()) {
      for (size_t i = 0; i < inner->inputs().size(); ++i)
        if (auto it = map.find(inner->input(i)); it != map.end()) inner->set_input(i, it->second);
      remap_captures(*inner, map);
    }
    for (size_t i = 0; i < (*region)->outputs().size(); ++i)
      if (auto it = map.find((*region)->outputs()[i]); it != map.end()) (*region)->set_output(i, it->second);
  }
}

bool Graph::add_condition(SizeCondition condition) {
  const auto same = [&](const SizeCondition& other) { return other.zero == condition.zero; };
  if (std::any_of(conditions_.begin(), conditions_.end(), same)) return false;
  conditions_.push_back(std::move(condition));
  return true;
}

std::unique_ptr<Graph> Graph::clone() const {
  auto copy = std::make_unique<Graph>(name_);
  copy->conditions_ = conditions_;
  std::map<const Value*, Value*> map;
  for (const auto& input : inputs_) {
    map[input.get()] = copy->add_input(input->type(), input->name());
    map[input.get()]->set_content(input->content());
  }
  auto mapped = [&](Value* v) {
    auto it = map.find(v);
    return it == map.end() ? v : it->second;  // a value of an enclosing graph
  };
  for (const auto& node : nodes_) {
    std::vector<Value*> inputs;
    for (Value* v : node->inputs()) inputs.push_back(v ? mapped(v) : nullptr);
    Node* clone = copy->clone_node(*node, std::move(inputs));
    remap_captures(*clone, map);
    for (size_t i = 0; i < node->output_count(); ++i) map[node->output(i)] = clone->output(i);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    copy->add_output(mapped(outputs_[i]), output_names_[i]);
    if (updated_inputs_[i]) copy->set_updated_input(i, mapped(updated_inputs_[i]));
  }
  return copy;
}

std::vector<std::string> Graph::symbols() const {
  std::set<std::string> names;
  for (const auto& input : inputs_)
    for (const Dim& d : input->type().dims) names.merge(d.symbols());
  return {names.begin(), names.end()};
}

InsertBefore::InsertBefore(const Node& node)
    : graph_(node.graph()), where_(graph_.insertion_point()), origins_(graph_.current_origins()) {
  graph_.set_insertion_point(node.position());
  graph_.set_current_origins(node.origins());
}

InsertBefore::~InsertBefore() {
  graph_.set_insertion_point(where_);
  graph_.set_current_origins(std::move(origins_));
}

}  // namespace cnnc
