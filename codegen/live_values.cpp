#include "codegen/live_values.h"

#include <algorithm>
#include <set>

#include "codegen/in_place.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

bool LiveValue::is_idle(size_t position) const {
  return first < position && position < last && next_use(position) != SIZE_MAX &&
         !std::binary_search(uses.begin(), uses.end(), position);
}

size_t LiveValue::next_use(size_t position) const {
  const auto next = std::upper_bound(uses.begin(), uses.end(), position);
  return next == uses.end() ? SIZE_MAX : *next;
}

static bool is_step(const Node& node) { return !node.is("Constant") && !node.op().is_view(); }

static std::vector<std::vector<int>> in_place_operands_of(const Node& node) {
  std::vector<std::vector<int>> operands(node.output_count());
  const Attribute* kernel = node.attribute("kernel");
  for (size_t i = 0; kernel && i < operands.size(); ++i)
    operands[i] = in_place_operands(node, std::get<std::string>(*kernel), static_cast<int>(i));
  return operands;
}

LiveValues::LiveValues(const Graph& graph, const std::map<std::string, int64_t>& sizes, InPlaceOperands& in_place) {
  for (const auto& node : graph.nodes()) {
    if (is_step(*node)) add_node(*node, nodes_.size(), sizes);
    nodes_.push_back(node.get());
  }
  for (const Value* output : graph.outputs()) values_.erase(root_of(output));
  for (size_t position = 0; position < nodes_.size(); ++position) {
    const Node& node = *nodes_[position];
    if (!is_step(node)) continue;
    const auto [it, is_new] = in_place.try_emplace(node.id());
    if (is_new) it->second = in_place_operands_of(node);
    end_overwritten(node, position, it->second);
  }
  find_peak();
}

const LiveValue* LiveValues::find(const Value* root) const {
  const auto it = values_.find(root);
  return it == values_.end() ? nullptr : &it->second;
}

void LiveValues::add_node(const Node& node, size_t position, const std::map<std::string, int64_t>& sizes) {
  for (const Value* operand : node.inputs()) {
    if (operand == nullptr) continue;
    const auto it = values_.find(root_of(operand));
    if (it == values_.end() || (!it->second.uses.empty() && it->second.uses.back() == position)) continue;
    it->second.uses.push_back(position);
    it->second.last = position;
  }
  for (size_t i = 0; i < node.output_count(); ++i) {
    const Value* output = node.output(i);
    if (root_of(output) != output || (output->use_count() == 0 && !computes_together(node))) continue;
    values_[output] = {output->type().bytes().evaluate(sizes), position, position, {}};
  }
}

// As codegen/lower.cpp gives an output the memory of an operand that ends there.
void LiveValues::end_overwritten(const Node& node, size_t position, const std::vector<std::vector<int>>& operands) {
  std::set<const Value*> taken;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!values_.count(node.output(i))) continue;
    for (int operand : operands[i]) {
      const Value* root = root_of(node.input(static_cast<size_t>(operand)));
      const auto it = values_.find(root);
      if (it == values_.end() || it->second.last != position || !taken.insert(root).second) continue;
      it->second.last = position - 1;
      break;
    }
  }
}

void LiveValues::find_peak() {
  std::vector<int64_t> change(nodes_.size() + 1);
  for (const auto& [value, live] : values_) {
    change[live.first] += live.bytes;
    change[live.last + 1] -= live.bytes;
  }
  int64_t bytes = 0;
  for (size_t position = 0; position < nodes_.size(); ++position) {
    bytes += change[position];
    if (bytes <= peak_bytes_) continue;
    peak_bytes_ = bytes;
    peak_ = position;
  }
}

}  // namespace cnnc::codegen
