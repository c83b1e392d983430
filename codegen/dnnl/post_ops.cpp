#include "codegen/dnnl/post_ops.h"

#include <oneapi/dnnl/dnnl_types.h>

#include <limits>
#include <optional>

#include "ir/error.h"

namespace cnnc::codegen {

namespace {

std::optional<double> constant_number(const Value* value) {
  const Tensor* tensor = value ? value->constant() : nullptr;
  if (tensor == nullptr || tensor->size() != 1) return std::nullopt;
  return tensor->as_double(0);
}

DnnlPostOp clip(const Node& node) {
  auto bound = [&](size_t i, float open) {
    if (node.input(i) == nullptr) return open;
    const auto number = constant_number(node.input(i));
    if (!number) throw DnnlRefusal{"a bound of Clip is not constant"};
    return static_cast<float>(*number);
  };
  const float infinity = std::numeric_limits<float>::infinity();
  return {dnnl_eltwise_clip, bound(1, -infinity), bound(2, infinity)};
}

// The operator as an eltwise algorithm with its two parameters, if there is one.
std::optional<DnnlPostOp> eltwise(const Node& node) {
  auto number = [&](const char* name) { return static_cast<float>(node.float_attribute(name)); };
  if (node.is("Relu")) return DnnlPostOp{dnnl_eltwise_relu, 0, 0};
  if (node.is("LeakyRelu")) return DnnlPostOp{dnnl_eltwise_relu, number("alpha"), 0};
  if (node.is("Elu")) return DnnlPostOp{dnnl_eltwise_elu, number("alpha"), 0};
  if (node.is("Tanh")) return DnnlPostOp{dnnl_eltwise_tanh, 0, 0};
  if (node.is("Sigmoid")) return DnnlPostOp{dnnl_eltwise_logistic, 0, 0};
  if (node.is("Abs")) return DnnlPostOp{dnnl_eltwise_abs, 0, 0};
  if (node.is("Mish")) return DnnlPostOp{dnnl_eltwise_mish, 0, 0};
  if (node.is("HardSwish")) return DnnlPostOp{dnnl_eltwise_hardswish, 1.0f / 6, 0.5f};
  if (node.is("HardSigmoid")) return DnnlPostOp{dnnl_eltwise_hardsigmoid, number("alpha"), number("beta")};
  if (node.is("Gelu")) {
    const bool is_tanh = node.string_attribute("approximate") == "tanh";
    return DnnlPostOp{is_tanh ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf, 0, 0};
  }
  if (node.is("Clip")) return clip(node);
  return std::nullopt;
}

class PostOps {
 public:
  PostOps(const Node& node, const ContractionView& view, DnnlEpilogue& epilogue, std::vector<int>& operands)
      : node_(node), view_(view), epilogue_(epilogue), operands_(operands) {}

  void add_all() {
    if (view_.root == &node_) return;
    const Value* value = view_.root->output();
    const Graph& body = *node_.region("body");
    while (value != body.outputs()[0]) {
      if (value->users().size() != 1) throw DnnlRefusal{"a result in the body is used twice"};
      const Node& user = *value->users().begin()->first;
      add(user, value);
      value = user.output();
    }
  }

 private:
  void add(const Node& op, const Value* value) {
    if (const auto post_op = eltwise(op)) return push(*post_op);
    if (!op.is("Add")) throw DnnlRefusal{cat("it has no post-op for ", op.op_name())};
    const Value* other = op.input(0) == value ? op.input(1) : op.input(0);
    if (other == value || other->producer() != nullptr) throw DnnlRefusal{"Add takes no plain operand"};
    const bool bias = view_.root->is("MatMul") && !epilogue_.has_bias && epilogue_.post_op_count == 0 &&
                      other->rank() == 1 && other->dim(0) == value->type().dims.back();
    if (bias) {
      epilogue_.has_bias = 1;
    } else {
      if (other->type() != value->type()) throw DnnlRefusal{"it adds no operands of other shapes"};
      push({kDnnlAdd, 0, 0});
    }
    operands_.push_back(other->index());
  }

  void push(const DnnlPostOp& op) {
    if (epilogue_.post_op_count == kMaxDnnlPostOps) throw DnnlRefusal{"it has too many post-ops"};
    epilogue_.post_ops[epilogue_.post_op_count++] = op;
  }

  const Node& node_;
  const ContractionView& view_;
  DnnlEpilogue& epilogue_;
  std::vector<int>& operands_;
};

}  // namespace

void add_post_ops(const Node& node, const ContractionView& view, DnnlEpilogue& epilogue, std::vector<int>& operands) {
  PostOps(node, view, epilogue, operands).add_all();
}

}  // namespace cnnc::codegen
