#include "passes/pattern.h"

#include <algorithm>

#include "ir/error.h"

namespace cnnc {

Pattern any(std::string name) {
  Pattern p;
  p.name_ = std::move(name);
  return p;
}

Pattern optional(std::string name) {
  Pattern p = any(std::move(name));
  p.optional_ = true;
  return p;
}

Pattern constant(std::string name) { return op("Constant").bind(std::move(name)); }

Pattern one_of(std::vector<std::string> ops, std::vector<Pattern> operands) {
  Pattern p;
  p.ops_ = std::move(ops);
  p.operands_ = std::move(operands);
  return p;
}

Pattern op(std::string op, std::vector<Pattern> operands) { return one_of({std::move(op)}, std::move(operands)); }

Pattern op(std::string op) {
  Pattern p = one_of({std::move(op)}, {});
  p.any_operands_ = true;
  return p;
}

Pattern Pattern::bind(std::string name) const {
  Pattern p = *this;
  p.name_ = std::move(name);
  return p;
}

Pattern Pattern::used_once() const {
  Pattern p = *this;
  p.used_once_ = true;
  return p;
}

Pattern Pattern::commutative() const {
  Pattern p = *this;
  p.commutative_ = true;
  return p;
}

Pattern Pattern::add_condition(std::function<bool(const Match&, const Value&)> holds, std::string reason) const {
  Pattern p = *this;
  p.conditions_.push_back({std::move(holds), std::move(reason)});
  return p;
}

Pattern Pattern::where(std::function<bool(const Value&)> condition, std::string reason) const {
  return add_condition([condition](const Match&, const Value& v) { return condition(v); }, std::move(reason));
}

Pattern Pattern::where(std::function<bool(const Node&)> condition, std::string reason) const {
  return add_condition([condition](const Match&, const Value& v) { return v.producer() && condition(*v.producer()); },
                       std::move(reason));
}

Pattern Pattern::where(std::function<bool(const Match&)> condition, std::string reason) const {
  return add_condition([condition](const Match& m, const Value&) { return condition(m); }, std::move(reason));
}

// ---- matching --------------------------------------------------------------------------------------------------------

struct Pattern::State {
  Match match;
  bool explains = false;
  std::string why_not;  // when it explains: most nodes match nothing, and nobody asks why

  // `reason` makes the text.
  template <typename Reason>
  bool fail(const Reason& reason) {
    if (explains) why_not = reason();
    return false;
  }
};

static std::string described(const Value& value) {
  return value.producer() ? value.producer()->description() : cat("input ", quoted(value.name()));
}

bool Pattern::starts_with(const std::string& op) const { return std::find(ops_.begin(), ops_.end(), op) != ops_.end(); }

bool Pattern::match(Node& root, Match& match, std::string* why_not) const {
  State state;
  state.explains = why_not != nullptr;
  const bool matched = match_value(root.output(), state);
  if (matched) match = std::move(state.match);
  else if (why_not) *why_not = std::move(state.why_not);
  return matched;
}

bool Pattern::match_value(Value* value, State& state) const {
  if (value == nullptr) {
    if (!optional_) return state.fail([] { return "an operand is absent"; });
    state.match.values_[name_] = nullptr;
    return true;
  }
  if (!ops_.empty()) {
    Node* node = value->producer();
    if (node == nullptr || value->index() != 0 || !starts_with(node->op_name()))
      return state.fail([&] {
        return cat("found ", described(*value), ", need ", ops_.front(), ops_.size() > 1 ? " or a similar one" : "");
      });
    if (!match_node(*node, state)) return false;
  }
  if (!name_.empty()) {
    auto [it, added] = state.match.values_.emplace(name_, value);
    if (!added && it->second != value)
      return state.fail([] { return "operands that have to be the same value differ"; });
  }
  return check(*value, state);
}

bool Pattern::match_node(Node& node, State& state) const {
  state.match.nodes_.push_back(&node);
  return any_operands_ || match_operands(node, state);
}

bool Pattern::match_operands(Node& node, State& state) const {
  for (size_t i = operands_.size(); i < node.inputs().size(); ++i)
    if (node.input(i))
      return state.fail(
          [&] { return cat(node.description(), " has operand ", i, ", which the pattern does not cover"); });
  std::vector<size_t> order(operands_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (!commutative_ || order.size() != 2) return match_in_order(node, order, state);
  const Match before = state.match;
  if (match_in_order(node, order, state)) return true;
  const std::string why_not = std::move(state.why_not);
  state.match = before;
  if (match_in_order(node, {1, 0}, state)) return true;
  return state.fail([&] { return cat(why_not, "; in the other order: ", state.why_not); });
}

bool Pattern::match_in_order(Node& node, const std::vector<size_t>& order, State& state) const {
  for (size_t i = 0; i < order.size(); ++i)
    if (!operands_[i].match_value(node.input(order[i]), state)) return false;
  return true;
}

bool Pattern::check(Value& value, State& state) const {
  if (used_once_ && value.use_count() != 1)
    return state.fail(
        [&] { return cat("the result of ", described(value), " has ", value.use_count(), " uses, need 1"); });
  for (const Condition& condition : conditions_)
    if (!condition.holds(state.match, value))
      return state.fail([&] { return cat(described(value), ": ", condition.reason); });
  return true;
}

}  // namespace cnnc
