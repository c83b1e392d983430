#include "ir/control_flow.h"

#include <algorithm>
#include <map>

#include "ir/error.h"

namespace cnnc {

bool is_control_flow(const Node& node) {
  return node.is("If") || node.is("Scan") || node.is("Loop");
}

CarriedParts carried_parts(const Node& node) {
  CarriedParts parts;
  parts.first = node.is("Loop") ? 2 : 0;
  parts.slices = node.is("Scan") ? static_cast<size_t>(node.int_attribute("num_scan_inputs")) : 0;
  parts.captures = static_cast<size_t>(node.int_attribute("num_captures"));
  const size_t others = parts.first + parts.slices + parts.captures;
  parts.states = node.inputs().size() > others ? node.inputs().size() - others : 0;
  return parts;
}

bool runs_backwards(const Node& scan, const char* directions, size_t i) {
  const Ints all = scan.ints_attribute(directions);
  return i < all.size() && all[i] != 0;
}

static const Value* without_identities(const Value* value) {
  while (value->producer() && value->producer()->is("Identity"))
    value = value->producer()->input(0);
  return value;
}

static bool is_known_true(const Value* value) {
  const auto known = value->known_ints();
  return known && known->size() == 1 && (*known)[0] != 0;
}

std::optional<Dim> fixed_trip_count(const Node& loop) {
  const Graph* body = loop.region("body");
  const Value* trips = loop.input(0);
  if (trips == nullptr || !trips->content() || trips->content()->size() != 1) return std::nullopt;
  const Value *before = loop.input(1), *after = without_identities(body->outputs()[0]);
  const bool begins = before == nullptr || is_known_true(before);
  if (!begins || (after != body->inputs()[1].get() && !is_known_true(after))) return std::nullopt;
  const Dim count = trips->content()->front();
  return count.is_const() && count.value() < 0 ? Dim(0) : count;
}

std::vector<Value*> inline_graph(Graph& into, const Graph& body,
                                 const std::vector<Value*>& inputs) {
  std::map<const Value*, Value*> map;
  for (size_t i = 0; i < inputs.size(); ++i) map[body.inputs()[i].get()] = inputs[i];
  for (const auto& node : body.nodes()) {
    std::vector<Value*> operands;
    for (const Value* v : node->inputs()) operands.push_back(v ? map.at(v) : nullptr);
    Node* copy = into.clone_node(*node, std::move(operands));
    for (size_t i = 0; i < node->output_count(); ++i) map[node->output(i)] = copy->output(i);
  }
  std::vector<Value*> outputs;
  for (const Value* v : body.outputs()) outputs.push_back(map.at(v));
  return outputs;
}

// The body of a Scan that does what the body of a Loop does: the number of the iteration is a
// slice.
static std::shared_ptr<Graph> scan_body(const Node& loop) {
  const Graph& source = *loop.region("body");
  const CarriedParts parts = carried_parts(loop);
  auto body = std::make_shared<Graph>(source.name());
  const auto add = [&](size_t i) { return body->add_input(source.inputs()[i]->type()); };
  std::vector<Value*> inputs(source.inputs().size());
  for (size_t i = 0; i < parts.states; ++i) inputs[2 + i] = add(2 + i);
  inputs[0] = add(0);
  for (size_t i = 2 + parts.states; i < inputs.size(); ++i) {
    inputs[i] = add(i);
    inputs[i]->set_content(source.inputs()[i]->content());
  }
  Tensor yes(DType::boolean, {});
  yes.set_int(0, 1);
  inputs[1] = body->constant(yes);
  const std::vector<Value*> outputs = inline_graph(*body, source, inputs);
  for (size_t i = 1; i < outputs.size(); ++i) body->add_output(outputs[i]);
  return body;
}

std::vector<Value*> scan_of_loop(const Node& loop, Graph& g) {
  const CarriedParts parts = carried_parts(loop);
  Value* trips = g.make("Reshape", {loop.input(0), g.constant(Tensor::ints({}))});
  const auto number = [&](int64_t n) {
    Tensor tensor(DType::i64, {});
    tensor.set_int(0, n);
    return g.constant(tensor);
  };
  Value* iterations = g.make("Range", {number(0), trips, number(1)});
  std::vector<Value*> operands(loop.inputs().begin() + 2, loop.inputs().end());
  operands.insert(operands.begin() + static_cast<long>(parts.states), iterations);
  const Node* scan = g.add("Scan", operands,
                           {{"body", scan_body(loop)},
                            {"num_scan_inputs", int64_t{1}},
                            {"num_captures", static_cast<int64_t>(parts.captures)}},
                           static_cast<int>(loop.output_count()));
  std::vector<Value*> results;
  for (size_t i = 0; i < scan->output_count(); ++i) results.push_back(scan->output(i));
  return results;
}

namespace {

// Makes regions closed: every use of an outer value becomes one of an input.
class RegionCloser {
 public:
  explicit RegionCloser(const std::vector<Graph*>& regions) : regions_(regions) {}

  std::vector<Value*> run() {
    for (Graph* region : regions_) find_captures(*region);
    for (Graph* region : regions_) close(*region);
    return captures_;
  }

 private:
  static bool is_outer(const Graph& region, const Value* value) {
    return value != nullptr && &value->graph() != &region;
  }

  void note(const Graph& region, Value* value) {
    if (!is_outer(region, value) || value->constant()) return;
    if (std::find(captures_.begin(), captures_.end(), value) == captures_.end())
      captures_.push_back(value);
  }

  // Regions inside are closed already, so their uses are operands of their nodes.
  void find_captures(const Graph& region) {
    for (const auto& node : region.nodes())
      for (Value* operand : node->inputs()) note(region, operand);
    for (Value* output : region.outputs()) note(region, output);
  }

  void close(Graph& region) {
    std::map<Value*, Value*> inner;
    for (Value* outer : captures_) {
      inner[outer] = region.add_input(outer->type(), outer->name());
      inner[outer]->set_content(outer->content());
    }
    const auto closed = [&](Value* value) {
      Value*& input = inner[value];
      if (input == nullptr) {
        if (!region.nodes().empty()) region.set_insertion_point(region.nodes().front()->position());
        input = region.constant(*value->constant());
        input->set_name(value->name());
        region.append_at_end();
      }
      return input;
    };
    for (const auto& node : region.nodes())
      for (size_t i = 0; i < node->inputs().size(); ++i)
        if (is_outer(region, node->input(i))) node->set_input(i, closed(node->input(i)));
    for (size_t i = 0; i < region.outputs().size(); ++i)
      if (is_outer(region, region.outputs()[i])) region.set_output(i, closed(region.outputs()[i]));
  }

  const std::vector<Graph*>& regions_;
  std::vector<Value*> captures_;
};

}  // namespace

std::vector<Value*> close_regions(const std::vector<Graph*>& regions) {
  return RegionCloser(regions).run();
}

}  // namespace cnnc
