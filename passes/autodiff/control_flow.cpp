#include "passes/autodiff/control_flow.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/control_flow.h"
#include "ir/ops/graph_parts.h"
#include "passes/autodiff/gradients.h"

namespace cnnc {
namespace {

using Values = std::vector<Value*>;

Value* zeros_like(Graph& g, Value* x) {
  return g.make("Expand", {number_like(g, x, 0), shape_operand(g, x)});
}

}  // namespace

// ---- If

// The branch over captures and the results' gradients; returns the gradients of captures in `wrt`.
static std::shared_ptr<Graph> branch_gradient(const GradientBuilder& g, const char* name,
                                              const std::vector<size_t>& wrt) {
  const Graph& branch = *g.node().region(name);
  auto result = std::make_shared<Graph>(branch.name() + "_gradient");
  Values captures, outputs, seeds, inputs;
  for (const auto& input : branch.inputs()) captures.push_back(result->add_input(input->type()));
  const Values all = inline_graph(*result, branch, captures);
  for (size_t i = 0; i < all.size(); ++i) {
    if (g.out_grad(i) == nullptr) continue;
    outputs.push_back(all[i]);
    seeds.push_back(result->add_input(g.out_grad(i)->type()));
  }
  for (size_t k : wrt) inputs.push_back(captures[k - 1]);
  const Values slopes = gradients(*result, outputs, seeds, inputs);
  result->append_at_end();
  for (size_t i = 0; i < slopes.size(); ++i)
    result->add_output(slopes[i] ? slopes[i] : zeros_like(*result, inputs[i]));
  return result;
}

void if_gradient(GradientBuilder& g) {
  std::vector<size_t> wrt;
  for (size_t k = 1; k < g.node().inputs().size(); ++k)
    if (g.wants(k)) wrt.push_back(k);
  Values operands = g.node().inputs();
  for (size_t i = 0; i < g.node().output_count(); ++i)
    if (g.out_grad(i)) operands.push_back(g.out_grad(i));
  const Node* result = g.graph().add("If", operands,
                                     {{"then_branch", branch_gradient(g, "then_branch", wrt)},
                                      {"else_branch", branch_gradient(g, "else_branch", wrt)}},
                                     static_cast<int>(wrt.size()));
  for (size_t i = 0; i < wrt.size(); ++i) g.wrt(wrt[i], result->output(i));
}

// ---- Scan

namespace {

// A value that each trip of the backward Scan takes from a stack.
struct Slice {
  Value* stack;    // in the graph
  Value* inner;    // what it stands for in a trip
  bool backwards;  // in the forward Scan
};

// The gradient a^T b of a capture in one trip: summed over all trips, it is one product of the stacks of a and b.
struct StackedProduct {
  size_t k;  // in wrt_
  Value *a, *b;
  bool backwards;        // as of Slice
  size_t stacks[2] = {}; // results of the backward Scan that are a's and b's, where no operand of it is
};

class ScanGradient {
 public:
  explicit ScanGradient(GradientBuilder& g)
      : g_(g), scan_(g.node()), body_(*scan_.region("body")), parts_(carried_parts(scan_)) {}

  void build() {
    differentiate_trip();
    find_needed_values();
    replace_forward_scan();
    add_backward_scan();
  }

 private:
  static bool is_float_value(const Value* v) { return is_float(v->dtype()); }

  bool is_state(size_t input) const { return input < parts_.states; }
  bool is_slice(size_t input) const { return !is_state(input) && input < parts_.first_capture(); }

  // One trip with its gradients: the body, and what is d result in, d operand out. A carried value
  // always passes its gradient on, for a slice of an earlier trip may want it.
  void differentiate_trip() {
    for (const auto& input : body_.inputs()) {
      inputs_.push_back(trip_.add_input(input->type()));
      inputs_.back()->set_content(input->content());
    }
    const Values results = inline_graph(trip_, body_, inputs_);
    for (size_t i = 0; i < results.size(); ++i) trip_.add_output(results[i]);
    Values outputs, seeds;
    seeds_.resize(results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      const bool carried = i < parts_.states && is_float_value(results[i]);
      if (!carried && g_.out_grad(i) == nullptr) continue;
      seeds_[i] = trip_.add_input(results[i]->type());
      outputs.push_back(results[i]);
      seeds.push_back(seeds_[i]);
    }
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (is_float_value(inputs_[i]) && (is_state(i) || g_.wants(i))) wrt_.push_back(i);
    // Gradients are appended, so that all nodes behind this one are theirs.
    trip_.append_at_end();
    last_ = trip_.constant(Tensor::ints({}))->producer();
    Values wrt;
    for (size_t i : wrt_) wrt.push_back(inputs_[i]);
    slopes_ = gradients(trip_, outputs, seeds, wrt);
  }

  // Nodes of the forward and of the backward part, in order.
  std::pair<std::vector<const Node*>, std::vector<const Node*>> both_parts() const {
    std::pair<std::vector<const Node*>, std::vector<const Node*>> parts;
    bool behind = false;
    for (const auto& node : trip_.nodes()) {
      (behind ? parts.second : parts.first).push_back(node.get());
      behind |= node.get() == last_;
    }
    return parts;
  }

  // What the backward part takes from the forward part, apart from captures and constants.
  void find_needed_values() {
    const std::vector<const Node*> backward = both_parts().second;
    std::set<const Value*> own;
    for (const Node* node : backward)
      for (size_t i = 0; i < node->output_count(); ++i) own.insert(node->output(i));
    const auto need = [&](Value* v) {
      if (v == nullptr || own.count(v) || v->constant()) return;
      if (std::find(needed_.begin(), needed_.end(), v) == needed_.end()) needed_.push_back(v);
    };
    for (const Node* node : backward)
      for (Value* operand : node->inputs()) need(operand);
    for (Value* slope : slopes_) need(slope);
  }

  size_t input_index(const Value* v) const {
    return static_cast<size_t>(std::find(inputs_.begin(), inputs_.end(), v) - inputs_.begin());
  }

  bool is_seed(const Value* v) const {
    return std::find(seeds_.begin(), seeds_.end(), v) != seeds_.end();
  }

  // The forward Scan once more, with what the backward one needs stacked behind its results.
  void replace_forward_scan() {
    auto body = std::make_shared<Graph>(body_.name());
    std::map<const Value*, Value*> map;
    for (const Value* input : inputs_) {
      map[input] = body->add_input(input->type());
      map[input]->set_content(input->content());
    }
    clone_nodes(*body, both_parts().first, map);
    for (const Value* output : trip_.outputs()) body->add_output(map.at(output));
    Values saved;
    for (Value* v : needed_) {
      const size_t i = input_index(v);
      if (is_seed(v) || (i < inputs_.size() && !is_state(i))) continue;
      body->add_output(map.at(v));
      saved.push_back(v);
    }
    const Node* forward = stacking_scan(body, saved.size());
    const size_t results = scan_.output_count();
    for (size_t i = 0; i < saved.size(); ++i)
      slices_.push_back({forward->output(results + i), saved[i], false});
  }

  const Node* stacking_scan(const std::shared_ptr<Graph>& body, size_t saved) {
    Attributes attributes = scan_.attributes();
    attributes["body"] = body;
    const size_t results = scan_.output_count();
    Ints directions = scan_.ints_attribute("scan_output_directions");
    directions.resize(results - parts_.states + saved, 0);
    attributes["scan_output_directions"] = directions;
    const InsertBefore here(scan_);
    Node* forward =
        g_.graph().add("Scan", scan_.inputs(), attributes, static_cast<int>(results + saved));
    for (size_t i = 0; i < results; ++i)
      g_.graph().replace_uses(scan_.output(i), forward->output(i));
    return forward;
  }

  static void clone_nodes(Graph& into, const std::vector<const Node*>& nodes,
                          std::map<const Value*, Value*>& map) {
    for (const Node* node : nodes) {
      Values operands;
      for (Value* v : node->inputs()) operands.push_back(v ? mapped(into, v, map) : nullptr);
      Node* copy = into.clone_node(*node, operands);
      for (size_t i = 0; i < node->output_count(); ++i) map[node->output(i)] = copy->output(i);
    }
  }

  static Value* mapped(Graph& into, Value* v, std::map<const Value*, Value*>& map) {
    Value*& inner = map[v];
    if (inner == nullptr && v->constant()) inner = into.constant(*v->constant());
    CNNC_CHECK(inner != nullptr) << "a gradient uses a value that its trip does not have";
    return inner;
  }

  // Slices of the operands that the backward part reads again, and of the results' gradients.
  void add_given_slices() {
    for (Value* v : needed_) {
      const size_t i = input_index(v);
      if (i < inputs_.size() && is_slice(i))
        slices_.push_back(
            {scan_.input(i), v, runs_backwards(scan_, "scan_input_directions", i - parts_.states)});
    }
    for (size_t i = parts_.states; i < seeds_.size(); ++i)
      if (seeds_[i])
        slices_.push_back({g_.out_grad(i), seeds_[i],
                           runs_backwards(scan_, "scan_output_directions", i - parts_.states)});
    // A Scan has to run along something.
    const size_t first = parts_.first_slice();
    if (slices_.empty()) slices_.push_back({scan_.input(first), inputs_[first], false});
  }

  // Carried: the states' gradients, then the captures' as sums over trips. Stacked: the slices', then factors of products.
  void add_backward_scan() {
    add_given_slices();
    find_products();
    auto body = std::make_shared<Graph>(body_.name() + "_gradient");
    std::map<const Value*, Value*> map;
    add_states(*body, map);
    const Values sums = add_sums(*body);
    Values operands = carried_operands_;
    for (const Slice& slice : slices_) {
      map[slice.inner] = body->add_input(slice.inner->type());
      operands.push_back(slice.stack);
    }
    int64_t captures = 0;
    for (Value* v : needed_) {
      const size_t i = input_index(v);
      if (i >= inputs_.size() || is_state(i) || is_slice(i)) continue;
      map[v] = body->add_input(v->type());
      map[v]->set_content(v->content());
      operands.push_back(scan_.input(i));
      ++captures;
    }
    clone_nodes(*body, both_parts().second, map);
    add_results(*body, map, sums);
    Ints in(slices_.size()), out;
    for (size_t i = 0; i < slices_.size(); ++i) in[i] = slices_[i].backwards ? 0 : 1;
    for (size_t i : wrt_)
      if (is_slice(i))
        out.push_back(runs_backwards(scan_, "scan_input_directions", i - parts_.states) ? 0 : 1);
    stack_factors(*body, map, out);
    const Values results = scan_results({{"body", body},
                                         {"num_scan_inputs", static_cast<int64_t>(slices_.size())},
                                         {"num_captures", captures},
                                         {"scan_input_directions", in},
                                         {"scan_output_directions", out}},
                                        operands, body->outputs().size());
    give_results(results);
    multiply_stacks(results);
  }

  // No Scan where all gradients are products of stacks that there are.
  Values scan_results(const Attributes& attributes, const Values& operands, size_t count) {
    Values results;
    const Node* scan = count > 0 ? g_.graph().add("Scan", operands, attributes, static_cast<int>(count)) : nullptr;
    for (size_t i = 0; i < count; ++i) results.push_back(scan->output(i));
    return results;
  }

  const Slice* slice_of(const Value* v) const {
    const auto it = std::find_if(slices_.begin(), slices_.end(), [&](const Slice& slice) { return slice.inner == v; });
    return it == slices_.end() ? nullptr : &*it;
  }

  // A matrix that each trip has another one of.
  bool is_stackable(const Value* v) const {
    if (v->constant() || v->type().rank() != 2 || !v->type().dims[1].is_const()) return false;
    return slice_of(v) != nullptr || (input_index(v) == inputs_.size() && !is_seed(v));
  }

  bool is_product(size_t k) const {
    return std::any_of(products_.begin(), products_.end(), [&](const StackedProduct& p) { return p.k == k; });
  }

  void find_products() {
    for (size_t k = 0; k < wrt_.size(); ++k) {
      const Node* node = is_state(wrt_[k]) || is_slice(wrt_[k]) || !slopes_[k] ? nullptr : slopes_[k]->producer();
      if (!node || !node->is("MatMul") || node->int_attribute("transA") == 0 || node->int_attribute("transB") != 0) continue;
      Value *a = node->input(0), *b = node->input(1);
      if (!is_stackable(a) || !is_stackable(b)) continue;
      const Slice *of_a = slice_of(a), *of_b = slice_of(b);
      if (of_a && of_b && of_a->backwards != of_b->backwards) continue;
      products_.push_back({k, a, b, of_a ? of_a->backwards : of_b != nullptr && of_b->backwards});
    }
  }

  // Results of the backward Scan for the factors that it computes; one that is a slice's gradient is among them already.
  void stack_factors(Graph& body, std::map<const Value*, Value*>& map, Ints& directions) {
    const size_t first = body.outputs().size() - directions.size();
    for (StackedProduct& p : products_)
      for (const size_t side : {0, 1}) {
        const Value* factor = side == 0 ? p.a : p.b;
        if (slice_of(factor)) continue;
        const int64_t direction = p.backwards ? 0 : 1;
        const auto is_stack = [&](size_t i) { return body.outputs()[first + i] == map.at(factor) && directions[i] == direction; };
        size_t i = 0;
        while (i < directions.size() && !is_stack(i)) ++i;
        p.stacks[side] = first + i;
        if (i < directions.size()) continue;
        body.add_output(map.at(factor));
        directions.push_back(direction);
      }
  }

  void multiply_stacks(const Values& results) {
    Graph& graph = g_.graph();
    for (const StackedProduct& p : products_) {
      if (!g_.wants(wrt_[p.k])) continue;
      const auto rows = [&](size_t side) {
        const Value* factor = side == 0 ? p.a : p.b;
        const Slice* slice = slice_of(factor);
        return graph.make("Reshape", {slice ? slice->stack : results[p.stacks[side]],
                                      graph.constant(Tensor::ints({-1, factor->type().dims[1].value()}))});
      };
      Value *a = rows(0), *b = rows(1);
      g_.wrt(wrt_[p.k], graph.make("MatMul", {a, b}, {{"transA", int64_t{1}}}));
    }
  }

  void add_states(Graph& body, std::map<const Value*, Value*>& map) {
    for (size_t i = 0; i < parts_.states; ++i) {
      if (!seeds_[i]) continue;
      map[seeds_[i]] = body.add_input(seeds_[i]->type());
      carried_operands_.push_back(g_.out_grad(i) ? g_.out_grad(i)
                                                 : zeros_like(g_.graph(), scan_.input(i)));
    }
  }

  Values add_sums(Graph& body) {
    Values sums;
    for (size_t k = 0; k < wrt_.size(); ++k) {
      const size_t i = wrt_[k];
      if (is_state(i) || is_slice(i) || is_product(k)) continue;
      sums.push_back(body.add_input(inputs_[i]->type()));
      carried_operands_.push_back(zeros_like(g_.graph(), scan_.input(i)));
    }
    return sums;
  }

  void add_results(Graph& body, std::map<const Value*, Value*>& map, const Values& sums) {
    Values states, totals, stacked;
    size_t next_sum = 0;
    for (size_t k = 0; k < wrt_.size(); ++k) {
      const size_t i = wrt_[k];
      if (is_product(k)) continue;
      Value* slope = slopes_[k] ? mapped(body, slopes_[k], map) : nullptr;
      if (is_state(i) || is_slice(i)) {
        if (slope == nullptr) slope = zero_of(body, inputs_[i]->type());
        (is_state(i) ? states : stacked).push_back(slope);
      } else {
        Value* sum = sums[next_sum++];
        totals.push_back(slope ? body.make("Add", {sum, slope}) : sum);
      }
    }
    for (const Values* part : {&states, &totals, &stacked})
      for (Value* v : *part) body.add_output(v);
  }

  Value* zero_of(Graph& body, const Type& type) const {
    g_.context().require(type.is_static(), "the gradient needs the sizes of ", type,
                         "; bind its symbols with --dim or --shape");
    Value* zero = body.constant(Tensor::scalar(type.dtype, 0));
    return body.make("Expand", {zero, body.constant(Tensor::ints(type.shape()))});
  }

  // What the operands get: in the order of wrt_, states before captures before slices.
  void give_results(const Values& results) {
    size_t next = 0;
    const auto give = [&](auto&& which) {
      for (size_t k = 0; k < wrt_.size(); ++k) {
        const size_t i = wrt_[k];
        if (!which(i) || is_product(k)) continue;
        if (g_.wants(i)) g_.wrt(i, results[next]);
        ++next;
      }
    };
    give([&](size_t i) { return is_state(i); });
    give([&](size_t i) { return !is_state(i) && !is_slice(i); });
    give([&](size_t i) { return is_slice(i); });
  }

  GradientBuilder& g_;
  const Node& scan_;
  const Graph& body_;
  const CarriedParts parts_;
  Graph trip_{"trip"};
  Values inputs_;               // of the trip, as the body's
  Values seeds_;                // by result of the body: its gradient, null where there is none
  std::vector<size_t> wrt_;     // inputs that are differentiated by
  Values slopes_;               // by wrt_; null where nothing depends on it
  const Node* last_ = nullptr;  // of the forward part
  Values needed_;               // values that the backward part uses
  std::vector<Slice> slices_;
  std::vector<StackedProduct> products_;
  Values carried_operands_;
};

}  // namespace

void scan_gradient(GradientBuilder& g) { ScanGradient(g).build(); }

}  // namespace cnnc
