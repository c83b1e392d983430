// The reference for If, Scan and Loop: their regions run as often as they say.
#include <cstring>

#include "ir/control_flow.h"
#include "ir/error.h"

namespace cnnc {
namespace {

using Tensors = std::vector<Tensor>;

Tensor slice_of(const Tensor& whole, int64_t position) {
  Tensor slice(whole.dtype(), Shape(whole.shape().begin() + 1, whole.shape().end()));
  if (slice.bytes() == 0) return slice;
  const auto* from = static_cast<const char*>(whole.raw());
  std::memcpy(slice.mutable_raw(), from + static_cast<size_t>(position) * slice.bytes(),
              slice.bytes());
  return slice;
}

// One element of every stacked result for each trip.
class Stacks {
 public:
  explicit Stacks(const Node& node, size_t first) : node_(node), first_(first) {}

  void add(Tensors elements) { trips_.push_back(std::move(elements)); }

  Tensor stacked(size_t i, const Shape& element) const {
    Shape shape{static_cast<int64_t>(trips_.size())};
    shape.insert(shape.end(), element.begin(), element.end());
    Tensor whole(node_.output(first_ + i)->dtype(), shape);
    const bool backwards = node_.is("Scan") && runs_backwards(node_, "scan_output_directions", i);
    for (size_t t = 0; t < trips_.size(); ++t) {
      const Tensor& part = trips_[t][i];
      const size_t place = backwards ? trips_.size() - 1 - t : t;
      if (part.bytes() > 0)
        std::memcpy(static_cast<char*>(whole.mutable_raw()) + place * part.bytes(), part.raw(),
                    part.bytes());
    }
    return whole;
  }

  bool empty() const { return trips_.empty(); }
  const Shape& element_shape(size_t i) const { return trips_[0][i].shape(); }

 private:
  const Node& node_;
  size_t first_;
  std::vector<Tensors> trips_;
};

// Without a trip the shapes are those of the types; sizes that only operands tell are then zero.
Shape declared_element(const Value* body_output) {
  Shape shape;
  for (const Dim& d : body_output->type().dims) shape.push_back(d.is_const() ? d.value() : 0);
  return shape;
}

// What Scan and Loop share: states that go round, and results that pile up.
class Rounds {
 public:
  Rounds(const Node& node, const std::vector<const Tensor*>& operands, const RunRegion& run)
      : node_(node),
        body_(*node.region("body")),
        parts_(carried_parts(node)),
        run_(run),
        stacks_(node, parts_.states) {
    for (size_t i = 0; i < parts_.states; ++i) states_.push_back(*operands[parts_.first + i]);
    for (size_t i = 0; i < parts_.captures; ++i)
      captures_.push_back(*operands[parts_.first_capture() + i]);
  }

  // One trip; `before` and `behind` are the body's inputs around the states. Returns the outputs in
  // front of the states.
  Tensors trip(Tensors before, const Tensors& behind) {
    const size_t leading = before.size() == 0 ? 0 : 1;
    Tensors inputs = std::move(before);
    for (const Tensors* part : std::initializer_list<const Tensors*>{&states_, &behind, &captures_})
      inputs.insert(inputs.end(), part->begin(), part->end());
    Tensors outputs = run_(body_, inputs);
    const auto first = outputs.begin() + static_cast<long>(leading);
    const auto stacked = first + static_cast<long>(parts_.states);
    states_.assign(first, stacked);
    stacks_.add(Tensors(stacked, outputs.end()));
    return Tensors(outputs.begin(), first);
  }

  Tensors results() {
    Tensors all = states_;
    const size_t leading = node_.is("Loop") ? 1 : 0;
    for (size_t i = 0; parts_.states + i < node_.output_count(); ++i)
      all.push_back(stacks_.stacked(
          i, stacks_.empty() ? declared_element(body_.outputs()[leading + parts_.states + i])
                             : stacks_.element_shape(i)));
    return all;
  }

 private:
  const Node& node_;
  const Graph& body_;
  CarriedParts parts_;
  const RunRegion& run_;
  Tensors states_, captures_;
  Stacks stacks_;
};

Tensors interpret_scan(const Node& node, const std::vector<const Tensor*>& operands,
                       const RunRegion& run) {
  const CarriedParts parts = carried_parts(node);
  Rounds rounds(node, operands, run);
  const int64_t trips = operands[parts.first_slice()]->shape()[0];
  for (int64_t t = 0; t < trips; ++t) {
    Tensors slices;
    for (size_t i = 0; i < parts.slices; ++i) {
      const bool backwards = runs_backwards(node, "scan_input_directions", i);
      slices.push_back(slice_of(*operands[parts.first_slice() + i], backwards ? trips - 1 - t : t));
    }
    rounds.trip({}, slices);
  }
  return rounds.results();
}

Tensors interpret_loop(const Node& node, const std::vector<const Tensor*>& operands,
                       const RunRegion& run) {
  Rounds rounds(node, operands, run);
  const int64_t trips = operands[0] ? operands[0]->as_int(0) : INT64_MAX;
  bool goes_on = operands[1] == nullptr || operands[1]->as_int(0) != 0;
  for (int64_t t = 0; t < trips && goes_on; ++t) {
    Tensor iteration(DType::i64, {}), condition(DType::boolean, {});
    iteration.set_int(0, t);
    condition.set_int(0, 1);
    goes_on = rounds.trip({iteration, condition}, {})[0].as_int(0) != 0;
  }
  return rounds.results();
}

}  // namespace

Tensors interpret_control_flow(const Node& node, const std::vector<const Tensor*>& operands,
                               const RunRegion& run) {
  if (node.is("Scan")) return interpret_scan(node, operands, run);
  if (node.is("Loop")) return interpret_loop(node, operands, run);
  Tensors captures;
  for (size_t i = 1; i < operands.size(); ++i) captures.push_back(*operands[i]);
  const char* branch = operands[0]->as_int(0) != 0 ? "then_branch" : "else_branch";
  return run(*node.region(branch), captures);
}

}  // namespace cnnc
