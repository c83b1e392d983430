#include "ir/size_conditions.h"

#include <algorithm>

#include "ir/error.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"

namespace cnnc {

namespace {

class Collector {
 public:
  explicit Collector(const Node& node) : node_(node) {}

  std::vector<SizeCondition> collect() {
    if (const Graph* body = node_.region("body"); body && node_.is("Fused")) {
      inside(*body);
      return std::move(conditions_);
    }
    if (!is_symbolic()) return {};
    for (size_t i = 0; i < node_.output_count(); ++i) not_negative(node_.output(i)->type());
    if (node_.op().is_view() || node_.is("DepthToSpace") || node_.is("SpaceToDepth"))
      equal(product(operand(0)), product(result().dims));
    else if (node_.op().is_elementwise() || node_.is("Expand"))
      elementwise();
    else if (node_.is("Concat"))
      concat();
    else if (node_.is("Split"))
      split();
    else if (node_.is("MatMul"))
      matmul();
    else if (node_.is("Gather"))
      gather();
    else if (node_.is("SortedPlaces"))
      sorted_places();
    else if (node_.op().has_decomposition())
      decomposed();
    return std::move(conditions_);
  }

 private:
  const Type& result() const { return node_.output()->type(); }
  const Dims& operand(size_t i) const { return node_.input(i)->type().dims; }

  bool is_symbolic() const {
    for (const Value* operand : node_.inputs())
      for (const Dim& d : operand ? operand->type().dims : Dims{})
        if (!d.is_const()) return true;
    return std::any_of(result().dims.begin(), result().dims.end(), [](const Dim& d) { return !d.is_const(); });
  }

  void require(const Dim& zero, std::string text) {
    if (!(zero == 0)) conditions_.push_back({zero, cat(node_.description(), ": ", text)});
  }
  void equal(const Dim& a, const Dim& b) { require(a - b, cat(a, " = ", b)); }
  void at_least_zero(const Dim& size, std::string text) {
    const auto least = size.lower_bound();
    if (!least || *least < 0) require(Dim::min(0, size), std::move(text));
  }

  void not_negative(const Type& type) {
    for (const Dim& size : type.dims) at_least_zero(size, cat("the size ", size, " of ", type, " is not negative"));
  }

  void elementwise() {
    for (const Value* operand : node_.inputs())
      if (operand && operand->rank() <= result().rank() && !(node_.is("Expand") && operand != node_.input(0)))
        broadcasts(operand->type().dims, result().dims);
  }

  // Each size is 1 or that of the result.
  void broadcasts(const Dims& operand, const Dims& result) {
    const size_t offset = result.size() - operand.size();
    for (size_t a = 0; a < operand.size(); ++a) {
      const Dim &size = operand[a], &whole = result[offset + a];
      if (!(size == 1) && !(size == whole)) require((size - 1) * (size - whole), cat(size, " is 1 or ", whole));
    }
  }

  size_t axis() const {
    const auto axis = node_.int_attribute("axis");
    return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(operand(0).size()) : axis);
  }

  void concat() {
    for (const Value* operand : node_.inputs())
      for (size_t a = 0; a < result().dims.size(); ++a)
        if (a != axis()) equal(operand->type().dims[a], result().dims[a]);
  }

  // The parts make the whole.
  void split() {
    Dim sum = 0;
    for (size_t i = 0; i < node_.output_count(); ++i) sum = sum + node_.output(i)->type().dims[axis()];
    equal(operand(0)[axis()], sum);
  }

  bool is_set(const char* attribute) const {
    return node_.attribute(attribute) != nullptr && node_.int_attribute(attribute) != 0;
  }

  void matmul() {
    const Dims &a = operand(0), &b = operand(1);
    const Attribute* packed = node_.attribute("weight_shape");
    const Dim columns = a.size() > 1 && is_set("transA") ? a[a.size() - 2] : a.back();
    const Dim rows = packed ? Dim(node_.ints_attribute("weight_shape")[0])
                     : b.size() == 1 || is_set("transB") ? b.back()
                                                         : b[b.size() - 2];
    equal(columns, rows);
    if (packed || a.size() < 2 || b.size() < 2) return;
    const Dims batch(result().dims.begin(), result().dims.end() - 2);
    broadcasts(Dims(a.begin(), a.end() - 2), batch);
    broadcasts(Dims(b.begin(), b.end() - 2), batch);
  }

  // Indices that are known now lie inside an axis that is not.
  void gather() {
    const std::optional<Ints> indices = node_.input(1)->known_ints();
    const Dim& size = operand(0)[axis()];
    if (!indices || indices->empty() || size.is_const()) return;
    const auto [least, most] = std::minmax_element(indices->begin(), indices->end());
    at_least_zero(size - 1 - *most, cat("index ", *most, " lies inside an axis of ", size));
    at_least_zero(size + *least, cat("index ", *least, " lies inside an axis of ", size));
  }

  void sorted_places() {
    const Dim &count = result().dims.back(), &size = operand(0).back();
    at_least_zero(size - count, cat("K, which is ", count, ", is at most the ", size, " elements of the axis"));
  }

  void inside(const Graph& body) {
    for (const auto& part : body.nodes())
      for (SizeCondition& condition : size_conditions(*part)) conditions_.push_back(std::move(condition));
  }

  // Named after this node: its parts have no names of their own.
  void decomposed() {
    const auto body = decomposed_body(node_);
    for (const auto& part : body->nodes())
      for (const SizeCondition& condition : size_conditions(*part))
        require(condition.zero, condition.text.substr(part->description().size() + 2));
  }

  const Node& node_;
  std::vector<SizeCondition> conditions_;
};

}  // namespace

std::vector<SizeCondition> size_conditions(const Node& node) { return Collector(node).collect(); }

}  // namespace cnnc
