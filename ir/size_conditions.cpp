#include "ir/size_conditions.h"

#include "ir/error.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"

namespace cnnc {

namespace {

class Collector {
 public:
  explicit Collector(const Node& node) : node_(node) {}

  std::vector<SizeCondition> collect() {
    if (node_.op().is_view()) {
      equal(product(node_.input(0)->type().dims), product(result().dims));
    } else if (node_.op().is_elementwise()) {
      for (const Value* operand : node_.inputs())
        if (operand) broadcasts(operand->type().dims, result().dims);
    } else if (node_.is("Concat")) {
      concat();
    } else if (node_.is("MatMul")) {
      matmul();
    } else if (const Graph* body = node_.region("body"); body && node_.is("Fused")) {
      inside(*body);
    } else if (node_.op().has_decomposition() && is_symbolic()) {
      inside(*decomposed_body(node_));
    }
    return std::move(conditions_);
  }

 private:
  const Type& result() const { return node_.output()->type(); }

  bool is_symbolic() const {
    for (const Value* operand : node_.inputs())
      for (const Dim& d : operand ? operand->type().dims : Dims{})
        if (!d.is_const()) return true;
    return false;
  }

  void require(const Dim& zero, std::string text) {
    if (!(zero == 0)) conditions_.push_back({zero, cat(node_.description(), ": ", text)});
  }
  void equal(const Dim& a, const Dim& b) { require(a - b, cat(a, " = ", b)); }

  // Each size is 1 or that of the result.
  void broadcasts(const Dims& operand, const Dims& result) {
    const size_t offset = result.size() - operand.size();
    for (size_t a = 0; a < operand.size(); ++a) {
      const Dim &size = operand[a], &whole = result[offset + a];
      if (!(size == 1) && !(size == whole)) require((size - 1) * (size - whole), cat(size, " is 1 or ", whole));
    }
  }

  void concat() {
    const int rank = result().rank();
    const auto axis = static_cast<int>(node_.int_attribute("axis"));
    for (const Value* operand : node_.inputs())
      for (int a = 0; a < rank; ++a)
        if (a != (axis < 0 ? axis + rank : axis)) equal(operand->dim(a), result().dims[static_cast<size_t>(a)]);
  }

  static bool is_set(const Node& node, const char* attribute) {
    return node.attribute(attribute) != nullptr && node.int_attribute(attribute) != 0;
  }

  void matmul() {
    const Dims &a = node_.input(0)->type().dims, &b = node_.input(1)->type().dims;
    const Attribute* packed = node_.attribute("weight_shape");
    const Dim columns = a.size() > 1 && is_set(node_, "transA") ? a[a.size() - 2] : a.back();
    const Dim rows = packed ? Dim(node_.ints_attribute("weight_shape")[0])
                     : b.size() == 1 || is_set(node_, "transB") ? b.back()
                                                                : b[b.size() - 2];
    equal(columns, rows);
    if (packed || a.size() < 2 || b.size() < 2) return;
    const Dims batch(result().dims.begin(), result().dims.end() - 2);
    broadcasts(Dims(a.begin(), a.end() - 2), batch);
    broadcasts(Dims(b.begin(), b.end() - 2), batch);
  }

  void inside(const Graph& body) {
    for (const auto& part : body.nodes())
      for (SizeCondition& condition : size_conditions(*part)) conditions_.push_back(std::move(condition));
  }

  const Node& node_;
  std::vector<SizeCondition> conditions_;
};

}  // namespace

std::vector<SizeCondition> size_conditions(const Node& node) { return Collector(node).collect(); }

}  // namespace cnnc
