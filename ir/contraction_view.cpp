#include "ir/contraction_view.h"

#include <algorithm>
#include <map>

#include "ir/affine.h"
#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc {

namespace {

bool is_root(const Node& node) { return node.is("Conv") || node.is("ConvTranspose") || node.is("MatMul"); }

struct Refusal {
  std::string why;
};

class ViewBuilder {
 public:
  explicit ViewBuilder(const Graph& body) : body_(body) {}

  ContractionView build() {
    for (const auto& node : body_.nodes()) {
      if (!is_root(*node)) continue;
      if (view_.root != nullptr) throw Refusal{"it holds two contractions"};
      view_.root = node.get();
    }
    if (view_.root == nullptr) throw Refusal{"it holds no Conv, ConvTranspose or MatMul"};
    for (const Value* operand : view_.root->inputs()) view_.operands.push_back(strided(operand));
    view_.root_type = view_.root->output()->type();
    const Scalars place = OpContext::indices(view_.root_type.rank());
    for (const Value* result : body_.outputs()) {
      if (result->type().dims != view_.root_type.dims) throw Refusal{"its epilogue changes the shape"};
      view_.results.push_back(element(*result, place));
    }
    if (view_.results.size() == 1 && view_.results[0].op() == ScalarOp::param) view_.results.clear();
    return std::move(view_);
  }

 private:
  static StridedOperand strided(const Value* operand) {
    if (operand == nullptr) return {};
    const Node* producer = operand->producer();
    if (producer == nullptr) return {operand->index(), operand->type().dims, dense_strides(operand->type().dims)};
    if (!producer->is("Transpose") || producer->input(0)->producer() != nullptr)
      throw Refusal{cat(producer->op_name(), " stands before the contraction")};
    const Value* source = producer->input(0);
    const Dims from = dense_strides(source->type().dims);
    StridedOperand result{source->index(), operand->type().dims, {}};
    for (int64_t p : transposed_axes(*producer)) result.strides.push_back(from[static_cast<size_t>(p)]);
    // Nothing walks along an axis of size one: it takes the stride with which it joins the axis behind it.
    for (size_t a = result.dims.size(); a-- > 1;)
      if (result.dims[a - 1] == 1) result.strides[a - 1] = result.strides[a] * result.dims[a];
    return result;
  }

  // ONNX: without `perm` the axes are reversed.
  static Ints transposed_axes(const Node& transpose) {
    if (transpose.attribute("perm")) {
      Ints perm = transpose.ints_attribute("perm");
      if (!perm.empty()) return perm;
    }
    Ints reversed;
    for (int a = transpose.input(0)->rank(); a-- > 0;) reversed.push_back(a);
    return reversed;
  }

  Scalar element(const Value& value, const Scalars& indices) {
    const Node* producer = value.producer();
    if (producer == nullptr) return Scalar::load(value.index(), value.dtype(), indices);
    if (producer == view_.root) {
      for (size_t a = 0; a < indices.size(); ++a) {
        const bool own = indices[a].op() == ScalarOp::index && indices[a]->integer == static_cast<int64_t>(a);
        if (!own && !(value.dim(static_cast<int>(a)) == 1)) throw Refusal{"its result is used at other places than its own"};
      }
      return Scalar::param(0, value.dtype());
    }
    std::pair<const Value*, std::vector<const Scalar::Node*>> key{&value, {}};
    for (const Scalar& i : indices) key.second.push_back(i.get());
    if (auto it = done_.find(key); it != done_.end()) return it->second.second;
    if (!producer->op().has_computation()) throw Refusal{cat(producer->op_name(), " is no expression of elements")};
    const Computation c = producer->op().computation(*producer, value.index());
    if (c.is_reduction()) throw Refusal{cat(producer->op_name(), " follows the contraction")};
    const Scalar placed = rewrite_leaves(c.value, [&](const Scalar& leaf) {
      return leaf.op() == ScalarOp::index ? indices[static_cast<size_t>(leaf->integer)] : Scalar();
    });
    const Scalar result = rewrite_leaves(placed, [&](const Scalar& leaf) {
      if (leaf.op() != ScalarOp::load) return Scalar();
      return element(*producer->input(static_cast<size_t>(leaf->integer)), leaf->args);
    });
    done_[key] = {indices, result};
    return result;
  }

  const Graph& body_;
  ContractionView view_;
  std::map<std::pair<const Value*, std::vector<const Scalar::Node*>>, std::pair<Scalars, Scalar>> done_;
};

ContractionView single(const Node& node) {
  ContractionView view;
  view.root = &node;
  view.root_type = node.output()->type();
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const Value* operand = node.input(i);
    if (operand == nullptr) view.operands.push_back({});
    else view.operands.push_back({static_cast<int>(i), operand->type().dims, dense_strides(operand->type().dims)});
  }
  return view;
}

}  // namespace

std::optional<ContractionView> contraction_view(const Graph& body, std::string* why_not) {
  try {
    return ViewBuilder(body).build();
  } catch (const Refusal& refusal) {
    if (why_not) *why_not = refusal.why;
    return std::nullopt;
  }
}

std::optional<ContractionView> contraction_view(const Node& node, std::string* why_not) {
  if (is_root(node)) return single(node);
  if (node.is("Fused")) return contraction_view(*node.region("body"), why_not);
  if (why_not) *why_not = cat(node.op_name(), " is no contraction");
  return std::nullopt;
}

bool is_contraction(const Node& node) {
  if (is_root(node) || node.is("ConvWeightGradient")) return true;
  const Graph* body = node.is("Fused") ? node.region("body") : nullptr;
  return body && std::any_of(body->nodes().begin(), body->nodes().end(), [](const auto& n) { return is_contraction(*n); });
}

}  // namespace cnnc
