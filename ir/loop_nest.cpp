#include "ir/loop_nest.h"

#include <algorithm>
#include <map>

#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc {

bool LoopNest::is_inner(int loop) const { return std::find(inner.begin(), inner.end(), loop) != inner.end(); }

std::unique_ptr<Graph> decomposed_body(const Node& node) {
  auto body = std::make_unique<Graph>("body");
  std::vector<Value*> operands;
  for (const Value* operand : node.inputs()) {
    Value* input = body->add_input(operand ? operand->type() : Type{});
    if (operand) input->set_content(operand->content());
    operands.push_back(operand ? input : nullptr);
  }
  body->set_current_origins(node.origins());
  Node* copy = body->clone_node(node, operands);
  body->set_insertion_point(copy->position());
  const std::vector<Value*> results = node.op().decomposition(*copy, *body);
  for (Value* result : results) body->add_output(result);
  body->erase(copy);
  return body;
}

namespace {

// Thrown and caught in this file: a nest cannot be built, and why.
struct NoNest {
  std::string why;
};

class NestBuilder {
 public:
  explicit NestBuilder(const Graph& body) : body_(body) {}

  LoopNest build() {
    if (body_.outputs().empty()) throw NoNest{"the body has no output"};
    for (const Value* root : body_.outputs()) {
      if (root->type().dims != body_.outputs()[0]->type().dims) throw NoNest{"its outputs differ in size"};
      nest_.results.push_back({root->type(), Scalar()});
    }
    nest_.loops = nest_.space();
    for (const auto& node : body_.nodes()) find_reduction(*node);
    for (const auto& node : body_.nodes())
      if (reductions_.count(node.get())) add_stage(*node);
    const Scalars place = OpContext::indices(rank());
    for (size_t r = 0; r < nest_.results.size(); ++r) nest_.results[r].value = element(*body_.outputs()[r], place);
    return std::move(nest_);
  }

 private:
  struct Reduction {
    Computation computation;
    std::vector<int> axes;  // the loop that runs reduction index j
    bool keeps_axes = false;
    int stage = -1;
  };

  int rank() const { return static_cast<int>(nest_.space().size()); }

  void find_reduction(const Node& node) {
    if (!node.op().has_computation()) throw NoNest{cat(node.op_name(), " has no element-by-element form")};
    if (node.output_count() != 1) throw NoNest{cat(node.op_name(), " has more than one output")};
    Computation computation = node.op().computation(node);
    if (!computation.is_reduction()) {
      values_.emplace(&node, computation.value);
      return;
    }
    Reduction reduction{std::move(computation), {}, false, -1};
    place_loops(node, reduction);
    reductions_.emplace(&node, std::move(reduction));
  }

  // Decides which loops run the reduction: axes of the output (rows) or loops of its own.
  void place_loops(const Node& node, Reduction& r) {
    const Dims& space = r.computation.space;
    std::vector<int> kept = kept_axes(node, r.computation);
    const bool same_rank = static_cast<int>(space.size()) == rank();
    bool rows = !kept.empty() && same_rank;
    for (size_t j = 0; rows && j < kept.size(); ++j)
      rows = nest_.space()[static_cast<size_t>(kept[j])] == r.computation.reduce[j];
    r.keeps_axes = rows;
    if (rows) {
      r.axes = kept;
    } else {
      if (space != nest_.space()) throw NoNest{cat(node.op_name(), " is reshaped or broadcast after its reduction")};
      for (size_t j = 0; j < r.computation.reduce.size(); ++j) r.axes.push_back(rank() + static_cast<int>(j));
    }
    if (reductions_.empty()) {
      nest_.rows = rows;
      nest_.inner = r.axes;
      std::sort(nest_.inner.begin(), nest_.inner.end());
      if (!rows) nest_.loops.insert(nest_.loops.end(), r.computation.reduce.begin(), r.computation.reduce.end());
      return;
    }
    std::vector<int> sorted = r.axes;
    std::sort(sorted.begin(), sorted.end());
    Dims extents;
    for (size_t j = 0; j < r.axes.size(); ++j) extents.push_back(nest_.loops[static_cast<size_t>(r.axes[j])]);
    if (nest_.rows != rows || sorted != nest_.inner || extents != r.computation.reduce)
      throw NoNest{"its reductions run over different axes"};
  }

  // For a reduction that keeps its axes with size 1: which axis reduction index j runs over; empty otherwise. Read off the
  // operand's load, where the reduction index stands in the place of the axis.
  static std::vector<int> kept_axes(const Node& node, const Computation& c) {
    const int rank = static_cast<int>(c.space.size());
    std::vector<int> axes(c.reduce.size(), -1);
    bool plain = true;
    for (const Scalar& e : c.elements) {
      visit(e, [&](const Scalar& s) {
        if (s.op() != ScalarOp::load || static_cast<int>(s->args.size()) != rank) return;
        for (int a = 0; a < rank; ++a) {
          const Scalar& i = s.arg(static_cast<size_t>(a));
          if (i.op() != ScalarOp::index) plain = false;
          else if (i->integer >= rank) axes[static_cast<size_t>(i->integer - rank)] = a;
        }
      });
    }
    for (int a : axes)
      if (!plain || a < 0 || !(c.space[static_cast<size_t>(a)] == 1)) return {};
    const Value* operand = node.input(0);
    if (operand == nullptr || operand->rank() != rank) return {};
    return axes;
  }

  void add_stage(const Node& node) {
    Reduction& r = reductions_.at(&node);
    const int rank = static_cast<int>(r.computation.space.size());
    LoopNest::Stage stage;
    auto place = [&](const Scalar& e) {
      return inlined(node, rewrite_leaves(e, [&](const Scalar& leaf) {
        if (leaf.op() != ScalarOp::index) return Scalar();
        if (leaf->integer >= rank) return Scalar::index(r.axes[static_cast<size_t>(leaf->integer - rank)]);
        const int axis = static_cast<int>(leaf->integer);
        const bool reduced = r.keeps_axes && std::find(r.axes.begin(), r.axes.end(), axis) != r.axes.end();
        return reduced ? Scalar::i64(0) : Scalar();
      }));
    };
    stage.init = r.computation.init;
    stage.combine = r.computation.combine;
    for (const Scalar& e : r.computation.elements) stage.elements.push_back(place(e));
    stage.value = place(r.computation.value);
    r.stage = static_cast<int>(nest_.stages.size());
    nest_.stages.push_back(std::move(stage));
  }

  // The element of `value` at `indices`, with producers substituted.
  Scalar element(const Value& value, const Scalars& indices) {
    const Node* producer = value.producer();
    if (producer == nullptr) return Scalar::load(value.index(), value.dtype(), indices);
    if (auto it = reductions_.find(producer); it != reductions_.end()) return stage_result(it->second, value, indices);
    // Without the memo a chain of diamonds (x * f(x)) would double the expression at each step.
    std::pair<const Value*, std::vector<const Scalar::Node*>> key{&value, {}};
    for (const Scalar& i : indices) key.second.push_back(i.get());
    if (auto it = elements_.find(key); it != elements_.end()) return it->second.second;
    // In one walk: indices that are loads themselves (Gather) refer to the graph's inputs already.
    const Scalar result = rewrite_leaves(values_.at(producer), [&](const Scalar& leaf) {
      if (leaf.op() == ScalarOp::index) return indices[static_cast<size_t>(leaf->integer)];
      if (leaf.op() != ScalarOp::load) return Scalar();
      return element(*producer->input(static_cast<size_t>(leaf->integer)), leaf->args);
    });
    elements_[key] = {indices, result};  // the indices stay alive, so that their addresses stay theirs
    return result;
  }

  // `expr` with the loads of `node`'s operands replaced by the operands' own expressions.
  Scalar inlined(const Node& node, const Scalar& expr) {
    return rewrite_leaves(expr, [&](const Scalar& leaf) {
      if (leaf.op() != ScalarOp::load) return Scalar();
      return element(*node.input(static_cast<size_t>(leaf->integer)), leaf->args);
    });
  }

  Scalar stage_result(const Reduction& r, const Value& value, const Scalars& indices) {
    for (size_t a = 0; a < indices.size(); ++a) {
      const bool reduced = r.keeps_axes && std::find(r.axes.begin(), r.axes.end(), static_cast<int>(a)) != r.axes.end();
      const Scalar& i = indices[a];
      const bool own = i.op() == ScalarOp::index && i->integer == static_cast<int64_t>(a);
      // An axis of size one has only index 0, however it is written.
      if (reduced ? !i.is_constant(0) : !(own || value.dim(static_cast<int>(a)) == 1))
        throw NoNest{"a reduction's result is used at other places than its own"};
    }
    CNNC_CHECK(r.stage >= 0) << "a stage is used before it is built";
    return Scalar::param(kStage + r.stage, value.dtype());
  }

  const Graph& body_;
  LoopNest nest_;
  std::map<const Node*, Scalar> values_;
  std::map<const Node*, Reduction> reductions_;
  std::map<std::pair<const Value*, std::vector<const Scalar::Node*>>, std::pair<Scalars, Scalar>> elements_;
};

std::optional<LoopNest> try_build(const Graph& body, std::string* why_not) {
  try {
    return NestBuilder(body).build();
  } catch (const NoNest& no) {
    if (why_not) *why_not = no.why;
    return std::nullopt;
  }
}

// A graph with one node and its operands as inputs, for one of its outputs.
LoopNest single(const Node& node, int output) {
  const Computation c = node.op().computation(node, output);
  const Type& type = node.output(static_cast<size_t>(output))->type();
  LoopNest nest;
  nest.loops = c.space;
  if (!c.is_reduction()) {
    nest.results.push_back({type, c.value});
    return nest;
  }
  for (size_t j = 0; j < c.reduce.size(); ++j) {
    nest.inner.push_back(static_cast<int>(nest.loops.size()));
    nest.loops.push_back(c.reduce[j]);
  }
  nest.stages.push_back({c.init, c.elements, c.combine, c.value});
  nest.results.push_back({type, Scalar::param(kStage, c.value.dtype())});
  return nest;
}

}  // namespace

std::optional<LoopNest> loop_nest(const Graph& body, std::string* why_not) { return try_build(body, why_not); }

std::optional<LoopNest> loop_nest(const Node& node, int output, std::string* why_not) {
  if (const Graph* body = node.region("body"); body && node.is("Fused")) return try_build(*body, why_not);
  if (node.op().has_computation()) return single(node, output);
  if (node.op().has_decomposition()) {
    const auto body = decomposed_body(node);
    if (body->outputs().size() == 1) return try_build(*body, why_not);
    if (why_not) *why_not = "it has several outputs";
    return std::nullopt;
  }
  if (why_not) *why_not = cat(node.op_name(), " has no element-by-element form");
  return std::nullopt;
}

}  // namespace cnnc
