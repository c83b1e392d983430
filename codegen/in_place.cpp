#include "codegen/in_place.h"

#include <algorithm>

#include "ir/affine.h"
#include "ir/contraction_view.h"
#include "ir/loop_nest.h"

namespace cnnc::codegen {

namespace {

// Collects the operands of loads, apart from those that read just the result's own place.
struct Loads {
  const Node& node;
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
    const Dims& dims = node.output()->type().dims;
    for (size_t a = 0; a < result_strides.size(); ++a)
      if (!(dims[a] == 1) && !(affine->coefficient(static_cast<int>(a)) == result_strides[a])) return false;
    return true;
  }

  std::vector<int> operands() const {
    std::vector<int> result;
    for (int operand : own) {
      const Value* value = node.input(static_cast<size_t>(operand));
      const bool alone = std::none_of(elsewhere.begin(), elsewhere.end(), [&](int other) {
        return node.input(static_cast<size_t>(other)) == value;
      });
      const bool same_size = value->type().bytes() == node.output()->type().bytes();
      if (alone && same_size && std::find(result.begin(), result.end(), operand) == result.end())
        result.push_back(operand);
    }
    return result;
  }
};

}  // namespace

std::vector<int> in_place_operands(const Node& node, const std::string& kernel) {
  // Libraries want operands and results apart.
  if (node.output_count() != 1 || kernel.rfind("llvm:", 0) != 0) return {};
  Loads loads{node, dense_strides(node.output()->type().dims), {}, {}};
  if (kernel == "llvm:loops") {
    const auto nest = loop_nest(node);
    if (!nest) return {};
    // A stage has read its whole row before the row's results are written.
    const bool row_by_row = nest->stages.empty() || nest->rows;
    for (const LoopNest::Stage& s : nest->stages) {
      for (const Scalar& e : s.elements) loads.add(e, row_by_row);
      loads.add(s.value, row_by_row);
    }
    loads.add(nest->result, true);
  } else {
    const auto view = contraction_view(node);
    if (!view) return {};
    loads.add(view->epilogue, true);
    for (const StridedOperand& operand : view->operands)
      if (operand.operand >= 0) loads.elsewhere.push_back(operand.operand);
  }
  return loads.operands();
}

}  // namespace cnnc::codegen
