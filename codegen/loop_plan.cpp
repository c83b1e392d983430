#include "codegen/loop_plan.h"

#include <algorithm>

#include "ir/scalar_math.h"

namespace cnnc::codegen {

// Elements that a task should have at least, so that starting it costs little beside it.
static constexpr int64_t kTaskElements = 1024;
// Elements of a task when one long loop is cut in parts.
static constexpr int64_t kChunkElements = 8192;

Dim LoopPlan::tasks() const {
  Dim count = 1;
  for (int i = 0; i < task_loops; ++i) count = count * loops[static_cast<size_t>(outer[static_cast<size_t>(i)])];
  if (chunk > 0) count = count * Dim::ceil_div(loops[static_cast<size_t>(chunk_loop)], chunk);
  return count;
}

namespace {

class Planner {
 public:
  Planner(const LoopNest& nest, const std::function<Dims(int)>& strides, int f32_lanes) : lanes_(f32_lanes) {
    plan_.loops = nest.loops;
    plan_.inner = nest.inner;
    plan_.rows = nest.rows;
    for (LoopNest::Stage stage : nest.stages) {
      for (Scalar& e : stage.elements) e = flatten_loads(expand_math(e), strides);
      for (Scalar& e : stage.init) e = flatten_loads(e, strides);
      stage.value = flatten_loads(expand_math(stage.value), strides);
      plan_.stages.push_back(std::move(stage));
    }
    plan_.results = nest.results;
    for (LoopNest::Result& r : plan_.results) r.value = flatten_loads(expand_math(r.value), strides);
    Affine store;
    const Dims out = dense_strides(nest.space());
    for (size_t a = 0; a < out.size(); ++a)
      if (!(nest.loops[a] == 1)) store.coefficients[static_cast<int>(a)] = out[a];
    plan_.store_offset = store.scalar();
  }

  LoopPlan plan() {
    collapse_loops();
    choose_vector_loop();
    for (int l = 0; l < static_cast<int>(plan_.loops.size()); ++l)
      if (!is_inner(l) && l != plan_.vector_loop) plan_.outer.push_back(l);
    choose_unroll();
    choose_tasks();
    return std::move(plan_);
  }

 private:
  bool is_inner(int l) const { return std::find(plan_.inner.begin(), plan_.inner.end(), l) != plan_.inner.end(); }
  const Dim& extent(int l) const { return plan_.loops[static_cast<size_t>(l)]; }

  void for_each_expression(const std::function<void(Scalar&)>& fn) {
    for (LoopNest::Stage& s : plan_.stages) {
      for (Scalar& e : s.init) fn(e);
      for (Scalar& e : s.elements) fn(e);
      fn(s.value);
    }
    for (LoopNest::Result& r : plan_.results) fn(r.value);
  }

  // What is affine of the offsets of loads and of the store, and loops whose index appears anywhere else.
  struct IndexUses {
    std::vector<Affine> offsets;
    std::set<int> elsewhere;
  };

  IndexUses index_uses() {
    IndexUses uses;
    std::set<const Scalar::Node*> seen;
    for_each_expression([&](Scalar& expr) { collect_uses(expr, uses, seen); });
    uses.offsets.push_back(*affine_form(plan_.store_offset));
    return uses;
  }

  static void collect_uses(const Scalar& e, IndexUses& uses, std::set<const Scalar::Node*>& seen) {
    if (e.op() == ScalarOp::index) uses.elsewhere.insert(static_cast<int>(e->integer));
    if (!seen.insert(e.get()).second) return;
    if (e.op() == ScalarOp::load) {
      const PartlyAffine offset = partly_affine(e.arg(0));
      uses.offsets.push_back(offset.affine);
      uses.elsewhere.insert(offset.elsewhere.begin(), offset.elsewhere.end());
      return;
    }
    for (const Scalar& a : e->args) collect_uses(a, uses, seen);
  }

  // Joins neighbouring loops that every operand walks as one.
  void collapse_loops() {
    for (int l = static_cast<int>(plan_.loops.size()) - 2; l >= 0; --l) {
      if (is_inner(l) != is_inner(l + 1)) continue;
      const IndexUses uses = index_uses();
      const bool walked_as_one =
          !uses.elsewhere.count(l) && !uses.elsewhere.count(l + 1) &&
          std::all_of(uses.offsets.begin(), uses.offsets.end(), [&](const Affine& o) {
            return o.coefficient(l) == o.coefficient(l + 1) * extent(l + 1);
          });
      if (walked_as_one || extent(l) == 1) join(l);
    }
  }

  // Loop l + 1 takes over loop l's points; later loops move down by one.
  void join(int l) {
    const auto renumber = [&](const Scalar& leaf) {
      if (leaf.op() != ScalarOp::index || leaf->integer < l) return Scalar();
      return leaf->integer == l ? Scalar::i64(0) : Scalar::index(static_cast<int>(leaf->integer) - 1);
    };
    for_each_expression([&](Scalar& e) { e = rewrite_leaves(e, renumber); });
    plan_.store_offset = rewrite_leaves(plan_.store_offset, renumber);
    plan_.loops[static_cast<size_t>(l + 1)] = extent(l) * extent(l + 1);
    plan_.loops.erase(plan_.loops.begin() + l);
    std::vector<int> inner;
    for (int i : plan_.inner)
      if (i != l) inner.push_back(i > l ? i - 1 : i);
    plan_.inner = std::move(inner);
  }

  // What one vector of loop l costs in memory instructions, per element.
  double vector_cost(int l) {
    double cost = 0;
    auto add = [&](const Scalar& offset) {
      const PartlyAffine parts = partly_affine(offset);
      const Dim stride = parts.affine.coefficient(l);
      cost += parts.elsewhere.count(l) ? 16 : stride == 0 ? 0.1 : stride == 1 ? 1 : 12;
    };
    for_each_expression([&](Scalar& e) {
      visit(e, [&](const Scalar& s) {
        if (s.op() == ScalarOp::load) add(s.arg(0));
      });
    });
    // Guards that differ between lanes need masks.
    for_each_expression([&](Scalar& e) {
      visit(e, [&](const Scalar& s) {
        if (s.op() == ScalarOp::select && depends_on(s.arg(0), l)) cost += 2;
      });
    });
    add(plan_.store_offset);
    if (extent(l).is_const() && extent(l).value() < lanes_)
      cost *= static_cast<double>(lanes_) / static_cast<double>(std::max<int64_t>(extent(l).value(), 1));
    return cost;
  }

  // Whether lanes may be combined in any order.
  bool combines_freely() const {
    for (const LoopNest::Stage& s : plan_.stages) {
      if (s.combine.size() != 1) return false;
      const Scalar& c = s.combine[0];
      static const std::set<ScalarOp> kFree = {ScalarOp::add, ScalarOp::mul, ScalarOp::min,   ScalarOp::max,
                                               ScalarOp::bit_and, ScalarOp::bit_or, ScalarOp::bit_xor};
      if (!kFree.count(c.op())) return false;
      for (const Scalar& a : c->args)
        if (a.op() != ScalarOp::param) return false;
    }
    return true;
  }

  // Vectors hold elements of at most 8 bytes, and texts are compared one at a time.
  bool has_vectors() {
    bool all = std::all_of(plan_.results.begin(), plan_.results.end(),
                           [](const LoopNest::Result& r) { return size_of(r.type.dtype) <= 8; });
    for_each_expression([&](Scalar& e) {
      visit(e, [&](const Scalar& s) {
        all &= size_of(s.dtype()) <= 8;
        all &= s.op() != ScalarOp::eq || s.arg(0).dtype() != DType::string;
      });
    });
    return all;
  }

  void choose_vector_loop() {
    if (!has_vectors()) return;
    double best = 1e30;
    const bool horizontal = combines_freely();
    for (int l = 0; l < static_cast<int>(plan_.loops.size()); ++l) {
      if (extent(l) == 1) continue;
      if (is_inner(l) && (!horizontal || l != plan_.inner.back())) continue;
      double cost = vector_cost(l);
      if (is_inner(l)) cost += 1;  // combining lanes at the end
      if (cost <= best) {
        best = cost;
        plan_.vector_loop = l;
      }
    }
    if (plan_.vector_loop < 0) return;
    plan_.horizontal = is_inner(plan_.vector_loop);
    plan_.lanes = lanes_;
    const Dim& e = extent(plan_.vector_loop);
    if (e.is_const())
      while (plan_.lanes > 1 && plan_.lanes / 2 >= e.value()) plan_.lanes /= 2;
  }

  void choose_unroll() {
    if (plan_.vector_loop < 0) return;
    int operations = 0;
    for_each_expression([&](Scalar& e) {
      visit(e, [&](const Scalar& s) { operations += !s->args.empty() && is_float(s.dtype()); });
    });
    const int64_t vectors = extent(plan_.vector_loop).is_const() ? extent(plan_.vector_loop).value() / plan_.lanes : 4;
    plan_.unroll = operations > 24 || vectors < 2 ? 1 : operations > 12 || vectors < 4 ? 2 : 4;
  }

  // Known size of what is inside the first `count` outer loops.
  int64_t inside(size_t count) const {
    int64_t size = 1;
    auto multiply = [&](int l) {
      if (extent(l).is_const()) size = std::min<int64_t>(size * std::max<int64_t>(extent(l).value(), 1), 1 << 30);
    };
    for (size_t i = count; i < plan_.outer.size(); ++i) multiply(plan_.outer[i]);
    for (int l : plan_.inner) multiply(l);
    if (plan_.vector_loop >= 0 && !plan_.horizontal) multiply(plan_.vector_loop);
    return size;
  }

  void choose_tasks() {
    size_t count = 0;
    while (count < plan_.outer.size() && inside(count) > kTaskElements) ++count;
    if (count > 0 && inside(count) < kTaskElements / 4) --count;
    plan_.task_loops = static_cast<int>(count);
    const int next = count < plan_.outer.size() ? plan_.outer[count] : plan_.horizontal ? -1 : plan_.vector_loop;
    if (next < 0) return;
    const int64_t per_point = extent(next).is_const() && extent(next).value() > 0
                                  ? std::max<int64_t>(inside(count) / extent(next).value(), 1)
                                  : inside(count);
    const bool vector = next == plan_.vector_loop;
    // Few tasks: cut finer, so that every thread gets some.
    int64_t tasks = 1;
    for (size_t i = 0; i < count; ++i) tasks *= extent(plan_.outer[i]).is_const() ? extent(plan_.outer[i]).value() : 1;
    const int64_t target = tasks >= 16 ? kChunkElements : kTaskElements;
    int64_t chunk = std::max<int64_t>(target / per_point, 1);
    if (vector) {
      const int64_t step = plan_.lanes * plan_.unroll;
      chunk = std::max<int64_t>((chunk + step - 1) / step, 1) * step;
    }
    if (extent(next).is_const() && extent(next).value() <= chunk) return;
    plan_.chunk_loop = next;
    plan_.chunk = chunk;
  }

  LoopPlan plan_;
  int lanes_;
};

}  // namespace

LoopPlan plan_loops(const LoopNest& nest, const std::function<Dims(int)>& strides, int f32_lanes) {
  return Planner(nest, strides, f32_lanes).plan();
}

}  // namespace cnnc::codegen
