#include "frontend/onnx/known_number.h"

#include <map>
#include <optional>

#include "ir/control_flow.h"
#include "ir/op_def.h"

namespace cnnc {
namespace {

// What a single number is, where it is computed from constants only.
class NumberEvaluator {
 public:
  std::optional<Tensor> value_of(const Value* value, int depth = 0) {
    if (const Tensor* constant = value->constant()) return *constant;
    const auto it = known_.find(value);
    if (it != known_.end()) return it->second;
    return known_[value] = is_number(value) ? computed(value, depth) : std::nullopt;
  }

 private:
  static bool is_number(const Value* value) {
    const Node* node = value->producer();
    return node != nullptr && node->op().is_pure() && !is_control_flow(*node) &&
           value->type().is_static() && value->type().element_count().value() <= 1;
  }

  std::optional<Tensor> computed(const Value* value, int depth) {
    constexpr int kDeepest = 64;
    const Node& node = *value->producer();
    std::vector<Tensor> tensors;
    std::vector<const Tensor*> operands(node.inputs().size(), nullptr);
    tensors.reserve(operands.size());
    for (size_t i = 0; i < operands.size(); ++i) {
      if (node.input(i) == nullptr) continue;
      std::optional<Tensor> tensor =
          depth < kDeepest ? value_of(node.input(i), depth + 1) : std::nullopt;
      if (!tensor) return std::nullopt;
      tensors.push_back(std::move(*tensor));
      operands[i] = &tensors.back();
    }
    return interpret_node(node, operands)[static_cast<size_t>(value->index())];
  }

  std::map<const Value*, std::optional<Tensor>> known_;
};

}  // namespace

void fold_number(Graph& graph, Value*& value) {
  if (value == nullptr || value->known_ints()) return;
  if (std::optional<Tensor> number = NumberEvaluator().value_of(value))
    value = graph.constant(std::move(*number));
}

}  // namespace cnnc
