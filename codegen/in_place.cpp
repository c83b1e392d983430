#include "codegen/in_place.h"

#include <algorithm>

#include "codegen/memory_operand.h"
#include "codegen/scatter_steps.h"
#include "ir/affine.h"
#include "ir/contraction_view.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "ir/ops/for_each.h"

namespace cnnc::codegen {

namespace {

// Collects the operands of loads, apart from those that read just the result's own place.
struct Loads {
  const Node& node;
  const Type& result;
  Dims result_strides;
  std::vector<int> own, elsewhere;

  void add(const Scalar& expr, bool at_result) {
    if (expr.get() == nullptr) return;
    visit(expr, [&](const Scalar& e) {
      if (e.op() != ScalarOp::load) return;
      (at_result && reads_own_place(e) ? own : elsewhere).push_back(static_cast<int>(e->integer));
    });
  }

  bool reads_own_place(const Scalar& load) const {
    const Dims strides = dense_strides(node.input(static_cast<size_t>(load->integer))->type().dims);
    Scalar offset = Scalar::i64(0);
    for (size_t a = 0; a < load->args.size(); ++a) offset = offset + load.arg(a) * Scalar::size(strides[a]);
    const auto affine = affine_form(offset);
    if (!affine || !(affine->constant == 0)) return false;
    const Dims& dims = result.dims;
    for (size_t a = 0; a < result_strides.size(); ++a)
      if (!(dims[a] == 1) && !(affine->coefficient(static_cast<int>(a)) == result_strides[a])) return false;
    return true;
  }

  std::vector<int> operands() const {
    std::vector<int> found;
    for (int operand : own) {
      const Value* value = node.input(static_cast<size_t>(operand));
      const bool alone = std::none_of(elsewhere.begin(), elsewhere.end(), [&](int other) {
        return root_of(node.input(static_cast<size_t>(other))) == root_of(value);
      });
      const bool same_size = value->type().bytes() == result.bytes();
      if (alone && same_size && std::find(found.begin(), found.end(), operand) == found.end())
        found.push_back(operand);
    }
    return found;
  }
};

}  // namespace

const Value* root_of(const Value* value) {
  while (const Value* seen = memory_operand(*value)) value = seen;
  return value;
}

bool computes_together(const Node& node) { return node.is("Fused") || node.is("ForEach"); }

// Rows of the set that the output belongs to; the body reads each element only at its own place.
static std::vector<int> rows_of_set(const Node& node, int output) {
  const ForEachLayout layout(node);
  const size_t set = static_cast<size_t>(output) / layout.outputs;
  const Graph& body = *node.region("body");
  std::vector<int> rows;
  for (size_t k = 0; k < layout.inputs; ++k) {
    const auto i = layout.operand(set, k);
    const Value* value = node.input(i);
    const bool alone = std::count_if(node.inputs().begin(), node.inputs().end(), [&](const Value* other) {
                         return root_of(other) == root_of(value);
                       }) == 1;
    const bool same_size = value->type().bytes() == node.output(static_cast<size_t>(output))->type().bytes();
    if (body.inputs()[layout.shared + k]->rank() == 1 && alone && same_size) rows.push_back(static_cast<int>(i));
  }
  return rows;
}

std::vector<int> in_place_operands(const Node& node, const std::string& kernel, int output) {
  if (kernel == "llvm:for_each") return rows_of_set(node, output);
  if (kernel == kScatterKernel) return root_of(node.input(0)) == root_of(node.input(2)) ? std::vector<int>{} : std::vector<int>{0};
  // Libraries want operands and results apart; outputs that are computed one after the other all read the operands.
  if ((node.output_count() != 1 && !computes_together(node)) || kernel.rfind("llvm:", 0) != 0) return {};
  const Type& result = node.output(static_cast<size_t>(output))->type();
  Loads loads{node, result, dense_strides(result.dims), {}, {}};
  if (kernel == "llvm:loops") {
    const auto nest = loop_nest(node, output);
    if (!nest) return {};
    // A stage has read its whole row before the row's results are written.
    const bool row_by_row = nest->stages.empty() || nest->rows;
    for (const LoopNest::Stage& s : nest->stages) {
      for (const Scalar& e : s.elements) loads.add(e, row_by_row);
      loads.add(s.value, row_by_row);
    }
    for (const LoopNest::Result& r : nest->results) loads.add(r.value, true);
  } else {
    const auto view = contraction_view(node);
    if (!view) return {};
    for (const Scalar& result : view->results) loads.add(result, true);
    for (const StridedOperand& operand : view->operands)
      if (operand.operand >= 0) loads.elsewhere.push_back(operand.operand);
  }
  return loads.operands();
}

}  // namespace cnnc::codegen
