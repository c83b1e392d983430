#include "codegen/llvm/loops.h"

#include <cmath>
#include <set>

#include "codegen/guards.h"
#include "codegen/llvm/loop_builder.h"
#include "ir/error.h"

namespace cnnc::codegen {

using llvm::Value;

namespace {

// Each piece of a vector loop has code of its own.
constexpr size_t kMaxPieces = 64;

class LoopEmitter {
 public:
  LoopEmitter(llvm::IRBuilderBase& builder, const LoopPlan& plan, const LoopOperands& operands)
      : b_(builder), plan_(plan), operands_(operands), at_(plan.loops.size(), nullptr),
        params_(operands.params) {
    for (const LoopNest::Result& r : plan.results) results_.push_back(r.value);
  }

  void emit() {
    for (int l = 0; l < static_cast<int>(plan_.loops.size()); ++l) at_[static_cast<size_t>(l)] = b_.getInt64(0);
    emit_loop(b_, operands_.begin, operands_.end, 1, [&](Value* task) {
      std::vector<Value*> extents;
      for (int i = 0; i < plan_.task_loops; ++i) extents.push_back(extent(plan_.outer[static_cast<size_t>(i)]));
      if (plan_.chunk > 0) extents.push_back(ceil_div(b_, extent(plan_.chunk_loop), plan_.chunk));
      const std::vector<Value*> place = unflatten(b_, task, extents);
      for (int i = 0; i < plan_.task_loops; ++i) set(plan_.outer[static_cast<size_t>(i)], place[static_cast<size_t>(i)]);
      if (plan_.chunk > 0) {
        chunk_begin_ = mul(b_, place.back(), plan_.chunk);
        chunk_end_ = min(b_, add(b_, chunk_begin_, plan_.chunk), extent(plan_.chunk_loop));
      }
      outer_loops(static_cast<size_t>(plan_.task_loops));
    });
  }

 private:
  Value* extent(int loop) { return operands_.size(plan_.loops[static_cast<size_t>(loop)]); }
  void set(int loop, Value* at) { at_[static_cast<size_t>(loop)] = at; }

  std::pair<Value*, Value*> range(int loop) {
    if (loop == plan_.chunk_loop) return {chunk_begin_, chunk_end_};
    return {b_.getInt64(0), extent(loop)};
  }

  void outer_loops(size_t i) {
    if (i < plan_.outer.size()) {
      const auto [begin, end] = range(plan_.outer[i]);
      emit_loop(b_, begin, end, 1, [&](Value* at) {
        set(plan_.outer[i], at);
        outer_loops(i + 1);
      });
    } else if (plan_.vector_loop < 0 || plan_.horizontal) {
      point(1, nullptr);
    } else {
      vector_loop_in_pieces([&](int lanes, Value* mask) { point(lanes, mask); });
    }
  }

  // The vector loop, cut where a guard of a result changes its mind, so that no piece has to ask.
  void vector_loop_in_pieces(llvm::function_ref<void(int lanes, Value* mask)> body) {
    const auto [begin, end] = range(plan_.vector_loop);
    const Dim& extent = plan_.loops[static_cast<size_t>(plan_.vector_loop)];
    std::vector<int64_t> cuts = pieces();
    if (cuts.empty()) return vector_loop(begin, end, body);
    cuts.insert(cuts.begin(), 0);
    cuts.push_back(extent.value());
    const Scalars whole = results_;
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      for (size_t r = 0; r < whole.size(); ++r)
        results_[r] = within_range(whole[r], plan_.vector_loop, cuts[i], cuts[i + 1]);
      Value* first = max(b_, begin, b_.getInt64(static_cast<uint64_t>(cuts[i])));
      Value* last = min(b_, end, b_.getInt64(static_cast<uint64_t>(cuts[i + 1])));
      vector_loop(first, max(b_, first, last), body);
    }
    results_ = whole;
  }

  // Where the guards of results change, inside of the vector loop; empty when nowhere or at too many places.
  std::vector<int64_t> pieces() const {
    const Dim& extent = plan_.loops[static_cast<size_t>(plan_.vector_loop)];
    if (!plan_.stages.empty() || !extent.is_const()) return {};
    std::set<int64_t> cuts;
    for (const Scalar& result : results_)
      for (int64_t at : guard_breaks(result, plan_.vector_loop, extent.value(), kMaxPieces)) cuts.insert(at);
    if (cuts.size() > kMaxPieces) return {};
    return {cuts.begin(), cuts.end()};
  }

  // Runs the vector loop: whole groups of vectors, then single vectors, the last one masked.
  void vector_loop(Value* begin, Value* end, llvm::function_ref<void(int lanes, Value* mask)> body) {
    Value* rest = begin;
    if (plan_.unroll > 1) {
      const int64_t step = int64_t{plan_.lanes} * plan_.unroll;
      rest = whole_groups(begin, end, step);
      emit_loop(b_, begin, rest, step, [&](Value* at) {
        set(plan_.vector_loop, at);
        body(static_cast<int>(step), nullptr);
      });
    }
    if (plan_.lanes == 1) {
      emit_loop(b_, rest, end, 1, [&](Value* at) {
        set(plan_.vector_loop, at);
        body(1, nullptr);
      });
      return;
    }
    Value* vectors_end = whole_groups(rest, end, plan_.lanes);
    emit_loop(b_, rest, vectors_end, plan_.lanes, [&](Value* at) {
      set(plan_.vector_loop, at);
      body(plan_.lanes, nullptr);
    });
    emit_loop(b_, vectors_end, end, plan_.lanes, [&](Value* at) {
      set(plan_.vector_loop, at);
      body(plan_.lanes, lane_mask(b_, plan_.lanes, sub(b_, end, at)));
    });
  }

  // begin + the largest multiple of `step` that fits before end.
  Value* whole_groups(Value* begin, Value* end, int64_t step) {
    Value* count = sub(b_, end, begin);
    return add(b_, begin, sub(b_, count, rem(b_, count, b_.getInt64(static_cast<uint64_t>(step)))));
  }

  ExpressionScope scope(int lanes, Value* mask) {
    ExpressionScope s;
    s.lanes = lanes;
    s.mask = mask;
    s.index = [this, lanes](int loop) {
      Value* at = at_[static_cast<size_t>(loop)];
      if (loop == plan_.vector_loop && lanes > 1) return Emitted{Emitted::linear, at, 1};
      return Emitted{Emitted::uniform, at};
    };
    s.size = operands_.size;
    s.operand = operands_.operand;
    s.param = [this, lanes](int number, DType) {
      Value* value = params_.at(number);
      return Emitted{lanes > 1 && value->getType()->isVectorTy() ? Emitted::vector : Emitted::uniform, value};
    };
    return s;
  }

  // One point of the outer loops, or a vector of neighbouring points.
  void point(int lanes, Value* mask) {
    for (size_t k = 0; k < plan_.stages.size();) {
      const StageRange stages{k, end_of_group(k)};
      if (plan_.horizontal) horizontal_stages(stages);
      else vertical_stages(stages, lanes, mask);
      k = stages.end;
    }
    if (!plan_.rows) return store_results(lanes, mask);
    if (plan_.horizontal) {
      inner_loops(0, plan_.inner.size() - 1, {}, [&](const Values&) {
        const auto [begin, end] = range(plan_.vector_loop);
        vector_loop(begin, end, [&](int row_lanes, Value* row_mask) { store_results(row_lanes, row_mask); });
        return Values{};
      });
    } else {
      inner_loops(0, plan_.inner.size(), {}, [&](const Values&) {
        store_results(lanes, mask);
        return Values{};
      });
    }
  }

  // A result may take the place of an operand that another one reads too, so nothing is stored before all are computed.
  void store_results(int lanes, Value* mask) {
    ExpressionEmitter emitter(b_, scope(lanes, mask));
    Values values;
    for (const Scalar& result : results_) values.push_back(emitter.emit_vector(result));
    const Emitted offset = emitter.emit(plan_.store_offset);
    for (size_t r = 0; r < results_.size(); ++r)
      emitter.store(operands_.output(r), offset, plan_.results[r].type.dtype, values[r]);
  }

  // Loops first..last-1 of `inner` around `body`, which carries accumulators.
  Values inner_loops(size_t first, size_t last, const Values& carried,
                     const std::function<Values(const Values&)>& body) {
    if (first == last) return body(carried);
    const int loop = plan_.inner[first];
    return emit_loop(b_, b_.getInt64(0), extent(loop), 1, carried, [&](Value* at, const Values& values) {
      set(loop, at);
      return inner_loops(first + 1, last, values, body);
    });
  }

  // Neighbouring stages that run in one loop: none needs the result of another.
  struct StageRange {
    size_t begin, end;
  };

  size_t end_of_group(size_t begin) const {
    size_t end = begin + 1;
    while (end < plan_.stages.size() && !needs_stages(plan_.stages[end], begin)) ++end;
    return end;
  }

  // Whether a stage needs results of stages from `first` on while it runs.
  static bool needs_stages(const LoopNest::Stage& stage, size_t first) {
    bool found = false;
    for (const Scalars* list : {&stage.init, &stage.elements})
      for (const Scalar& e : *list)
        visit(e, [&](const Scalar& s) {
          found |= s.op() == ScalarOp::param && s->integer >= kStage + static_cast<int64_t>(first);
        });
    return found;
  }

  // Calls `fn` for each stage with its part of the accumulators and appends what it returns.
  Values for_each_stage(StageRange stages, const Values& accumulators,
                        const std::function<Values(size_t stage, const Values&)>& fn) {
    Values all;
    size_t at = 0;
    for (size_t k = stages.begin; k < stages.end; ++k) {
      const size_t n = plan_.stages[k].init.size();
      const Values own(accumulators.begin() + static_cast<long>(at), accumulators.begin() + static_cast<long>(at + n));
      const Values result = fn(k, own);
      all.append(result.begin(), result.end());
      at += n;
    }
    return all;
  }

  Values accumulate_all(StageRange stages, const Values& accumulators, int lanes, Value* mask) {
    return for_each_stage(stages, accumulators, [&](size_t k, const Values& own) {
      return accumulate(plan_.stages[k], own, lanes, mask);
    });
  }

  Values accumulate(const LoopNest::Stage& stage, const Values& accumulators, int lanes, Value* mask) {
    const size_t n = stage.init.size();
    ExpressionEmitter elements(b_, scope(lanes, mask));
    std::vector<Value*> params;
    for (Value* a : accumulators) params.push_back(a);
    for (size_t i = 0; i < n; ++i) params.push_back(elements.emit_vector(stage.elements[i]));
    return combine(stage, params, lanes);
  }

  // params: accumulators, then elements (or other accumulators).
  Values combine(const LoopNest::Stage& stage, const std::vector<Value*>& params, int lanes) {
    ExpressionScope s = scope(lanes, nullptr);
    s.param = [&](int number, DType) {
      return Emitted{lanes > 1 ? Emitted::vector : Emitted::uniform, params[static_cast<size_t>(number)]};
    };
    ExpressionEmitter emitter(b_, s);
    Values result;
    for (const Scalar& c : stage.combine) result.push_back(emitter.emit_vector(c));
    return result;
  }

  void finish(size_t k, const Values& accumulators, int lanes) {
    ExpressionScope s = scope(lanes, nullptr);
    const auto outer_param = s.param;
    s.param = [&](int number, DType dtype) {
      if (number >= kStage) return outer_param(number, dtype);
      return Emitted{lanes > 1 ? Emitted::vector : Emitted::uniform, accumulators[static_cast<size_t>(number)]};
    };
    params_[kStage + static_cast<int>(k)] = ExpressionEmitter(b_, s).emit_vector(plan_.stages[k].value);
  }

  Values initial(const LoopNest::Stage& stage, int lanes) {
    Values values;
    ExpressionEmitter emitter(b_, scope(lanes, nullptr));
    for (const Scalar& e : stage.init) values.push_back(emitter.emit_vector(e));
    return values;
  }

  // Lanes are different outputs.
  void vertical_stages(StageRange stages, int lanes, Value* mask) {
    Values start;
    for (size_t k = stages.begin; k < stages.end; ++k) start.append(initial(plan_.stages[k], lanes));
    const Values sums = inner_loops(0, plan_.inner.size(), start, [&](const Values& accumulators) {
      return accumulate_all(stages, accumulators, lanes, mask);
    });
    for_each_stage(stages, sums, [&](size_t k, const Values& own) {
      finish(k, own, lanes);
      return Values{};
    });
  }

  // Lanes are parts of one output's reduction: they start at the first elements or at init, and are combined at the end.
  void horizontal_stages(StageRange stages) {
    const int wide = plan_.lanes * plan_.unroll;
    const auto [begin, end] = range(plan_.vector_loop);
    Value* wide_end = whole_groups(begin, end, wide);
    // Wide lanes start with `init` too, so combining them must not count it again; identities do not.
    Values start;
    for (size_t k = stages.begin; k < stages.end; ++k) start.append(identity(plan_.stages[k], wide));
    const Values sums = inner_loops(0, plan_.inner.size() - 1, start, [&](const Values& carried) {
      Values values = emit_loop(b_, begin, wide_end, wide, carried, [&](Value* at, const Values& a) {
        set(plan_.vector_loop, at);
        return accumulate_all(stages, a, wide, nullptr);
      });
      return masked_tail(stages, values, wide_end, end, wide);
    });
    for_each_stage(stages, sums, [&](size_t k, const Values& own) {
      const LoopNest::Stage& stage = plan_.stages[k];
      finish(k, combine(stage, {initial(stage, 1)[0], reduce_lanes(stage, own, wide)[0]}, 1), 1);
      return Values{};
    });
  }

  // The elements that fill no group of vectors: one step at native width for each vector, lanes beyond the end keep theirs.
  Values masked_tail(StageRange stages, const Values& values, Value* begin, Value* end, int wide) {
    if (const auto b = constant_of(begin), e = constant_of(end); b && e && *b == *e) return values;
    std::vector<Values> parts;
    Values first;
    for (Value* value : values) {
      parts.push_back(split(value, wide / plan_.lanes));
      first.push_back(parts.back()[0]);
    }
    const Values result = emit_loop(b_, begin, end, plan_.lanes, first, [&](Value* at, const Values& a) {
      set(plan_.vector_loop, at);
      Value* mask = plan_.lanes == 1 ? nullptr : lane_mask(b_, plan_.lanes, sub(b_, end, at));
      Values next = accumulate_all(stages, a, plan_.lanes, mask);
      for (size_t i = 0; mask && i < next.size(); ++i) next[i] = b_.CreateSelect(mask, next[i], a[i]);
      return next;
    });
    Values joined;
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i][0] = result[i];
      joined.push_back(join(parts[i]));
    }
    return joined;
  }

  Values split(Value* wide, int parts) {
    if (parts == 1) return {wide};
    Values result;
    for (int p = 0; p < parts; ++p) result.push_back(shuffle(wide, p * plan_.lanes, plan_.lanes));
    return result;
  }

  Value* join(const Values& parts) {
    if (parts.size() == 1) return parts[0];
    if (parts.size() == 2) return pair(parts[0], parts[1]);
    Values halves;
    for (size_t i = 0; i < parts.size(); i += 2) halves.push_back(pair(parts[i], parts[i + 1]));
    return join(halves);
  }

  Value* pair(Value* a, Value* c) {
    if (!a->getType()->isVectorTy()) {
      Value* v = llvm::PoisonValue::get(llvm::FixedVectorType::get(a->getType(), 2));
      return b_.CreateInsertElement(b_.CreateInsertElement(v, a, uint64_t{0}), c, uint64_t{1});
    }
    const unsigned n = llvm::cast<llvm::FixedVectorType>(a->getType())->getNumElements();
    std::vector<int> all(2 * n);
    for (unsigned i = 0; i < 2 * n; ++i) all[i] = static_cast<int>(i);
    return b_.CreateShuffleVector(a, c, all);
  }

  Value* shuffle(Value* v, int first, int count) {
    if (count == 1) return b_.CreateExtractElement(v, static_cast<uint64_t>(first));
    std::vector<int> lanes;
    for (int i = 0; i < count; ++i) lanes.push_back(first + i);
    return b_.CreateShuffleVector(v, lanes);
  }

  Values reduce_lanes(const LoopNest::Stage& stage, Values values, int lanes) {
    while (lanes > 1) {
      lanes /= 2;
      values = combine(stage, {shuffle(values[0], 0, lanes), shuffle(values[0], lanes, lanes)}, lanes);
    }
    return values;
  }

  // The value that changes nothing when combined: stages that are vectorised along their reduction combine with one operator.
  Values identity(const LoopNest::Stage& stage, int lanes) {
    const DType t = stage.init[0].dtype();
    const Scalar neutral = neutral_element(stage.combine[0].op(), t);
    return {ExpressionEmitter(b_, scope(lanes, nullptr)).emit_vector(neutral)};
  }

  static Scalar neutral_element(ScalarOp op, DType t) {
    const int bits = static_cast<int>(size_of(t) * 8);
    const int64_t top = is_unsigned_int(t) ? -1 : static_cast<int64_t>((uint64_t{1} << (bits - 1)) - 1);
    switch (op) {
      case ScalarOp::mul:
        return Scalar::constant_int(t, 1);
      case ScalarOp::max:
        if (is_float(t)) return Scalar::constant(t, -HUGE_VAL);
        return Scalar::constant_int(t, is_unsigned_int(t) || t == DType::boolean ? 0 : -top - 1);
      case ScalarOp::min:
        return is_float(t) ? Scalar::constant(t, HUGE_VAL) : Scalar::constant_int(t, top);
      case ScalarOp::bit_and:
        return Scalar::constant_int(t, -1);
      default:  // add, or, xor; a sum that starts at -0 keeps the sign of a sum of -0
        return is_float(t) ? Scalar::constant(t, -0.0) : Scalar::constant_int(t, 0);
    }
  }

  llvm::IRBuilderBase& b_;
  const LoopPlan& plan_;
  const LoopOperands& operands_;
  Scalars results_;              // of the plan, or what they are in a piece of the vector loop
  std::vector<Value*> at_;       // the point of each loop
  std::map<int, Value*> params_; // results of stages
  Value* chunk_begin_ = nullptr;
  Value* chunk_end_ = nullptr;
};

}  // namespace

void emit_loops(llvm::IRBuilderBase& builder, const LoopPlan& plan, const LoopOperands& operands) {
  LoopEmitter(builder, plan, operands).emit();
}

}  // namespace cnnc::codegen
