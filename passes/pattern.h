// Patterns over graphs: what a rewrite looks for.
//
//   op("Transpose", {op("Transpose", {any("x")}).bind("inner").used_once()}).bind("outer")
//
// A pattern describes a value: any value, a constant, or output 0 of a node whose operands match further patterns. Matching
// never changes the graph, and tells in one sentence why it failed.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// What a pattern found.
class Match {
 public:
  // The value bound to a name; null for an optional operand that is absent.
  Value* operator[](const std::string& name) const { return values_.at(name); }
  // The node that computes it.
  Node& node(const std::string& name) const { return *values_.at(name)->producer(); }
  // The matched nodes, users before producers; the first is the root.
  const std::vector<Node*>& nodes() const { return nodes_; }
  Node& root() const { return *nodes_.front(); }

 private:
  friend class Pattern;
  std::map<std::string, Value*> values_;
  std::vector<Node*> nodes_;
};

class Pattern {
 public:
  // Names the value. A name that stands twice must find the same value twice.
  Pattern bind(std::string name) const;
  // Nothing but the matched nodes uses it, so that it goes away with them.
  Pattern used_once() const;
  // Of a node with two operands: also tries them in the other order.
  Pattern commutative() const;
  // A side condition, asked when all operands have matched; `reason` says why there is no match when it does not hold.
  Pattern where(std::function<bool(const Value&)> condition, std::string reason) const;
  Pattern where(std::function<bool(const Node&)> condition, std::string reason) const;
  Pattern where(std::function<bool(const Match&)> condition, std::string reason) const;

  // Matches with the node as the root; on failure says why.
  bool match(Node& root, Match& match, std::string* why_not) const;
  // The operators of nodes that may be the root.
  const std::vector<std::string>& roots() const { return ops_; }

 private:
  friend Pattern any(std::string name);
  friend Pattern optional(std::string name);
  friend Pattern constant(std::string name);
  friend Pattern one_of(std::vector<std::string> ops, std::vector<Pattern> operands);
  friend Pattern op(std::string op);
  struct Condition {
    std::function<bool(const Match&, const Value&)> holds;
    std::string reason;
  };
  struct State;

  Pattern add_condition(std::function<bool(const Match&, const Value&)> holds, std::string reason) const;
  bool starts_with(const std::string& op) const;
  bool match_value(Value* value, State& state) const;
  bool match_node(Node& node, State& state) const;
  bool match_operands(Node& node, State& state) const;
  bool match_in_order(Node& node, const std::vector<size_t>& order, State& state) const;
  bool check(Value& value, State& state) const;

  std::vector<std::string> ops_;  // empty: any value
  std::vector<Pattern> operands_;
  bool any_operands_ = false;
  bool optional_ = false;
  bool used_once_ = false;
  bool commutative_ = false;
  std::string name_;
  std::vector<Condition> conditions_;
};

// Any value.
Pattern any(std::string name = "");
// Any value, or no operand.
Pattern optional(std::string name);
// The result of a Constant node.
Pattern constant(std::string name = "");
// A node of this operator with any operands.
Pattern op(std::string op);
// A node with these operands; further ones must be absent.
Pattern op(std::string op, std::vector<Pattern> operands);
Pattern one_of(std::vector<std::string> ops, std::vector<Pattern> operands);

}  // namespace cnnc
