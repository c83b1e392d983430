// Operators that return an operand as it is.
#include <algorithm>

#include "ir/error.h"
#include "passes/canonicalize.h"

namespace cnnc {

namespace {

bool all_equal(const std::optional<Ints>& numbers, int64_t number) {
  return numbers && std::all_of(numbers->begin(), numbers->end(), [&](int64_t n) { return n == number; });
}

bool same_type_as_operand(const Node& n) { return n.input(0) && n.output()->type() == n.input(0)->type(); }

// With the type of its operand, such a node has its elements in their places too.
Pattern same_type(std::string name) {
  return op(std::move(name)).where(same_type_as_operand, "the result has another type than the operand");
}

bool steps_forwards(const Node& slice) {
  if (slice.input(4) == nullptr) return true;
  const auto steps = slice.input(4)->known_ints();
  return steps && std::all_of(steps->begin(), steps->end(), [](int64_t s) { return s > 0; });
}

bool pads_nothing(const Node& pad) { return all_equal(pad.input(1)->known_ints(), 0); }

bool keeps_order(const Node& transpose) {
  if (transpose.attribute("perm") == nullptr) return transpose.input(0)->rank() <= 1;
  const Ints perm = transpose.ints_attribute("perm");
  return std::is_sorted(perm.begin(), perm.end()) && (!perm.empty() || transpose.input(0)->rank() <= 1);
}

bool looks_at_one_element(const Node& pool) {
  return pool.output_count() == 1 && all_equal(pool.ints_attribute("kernel_shape"), 1) &&
         all_equal(pool.ints_attribute("strides"), 1) && all_equal(pool.ints_attribute("pads"), 0);
}

bool drops_no_mask(const Node& dropout) {
  return dropout.output_count() < 2 || dropout.output(1)->use_count() == 0;
}

bool has_no_bounds(const Node& clip) { return clip.input(1) == nullptr && clip.input(2) == nullptr; }

Replacement operand(const Match& m, Graph&) { return m.root().input(0); }

}  // namespace

std::vector<Rewrite> no_op_rewrites() {
  std::vector<Rewrite> rewrites = {
      {"drop-identity", "Identity(x) -> x", op("Identity"), operand},
      {"drop-dropout", "Dropout(x) -> x", op("Dropout").where(drops_no_mask, "its mask is used"), operand},
      {"drop-when-training", "WhenTraining(x, y) -> x", op("WhenTraining"), operand},
      {"drop-slice", "Slice(x) of everything -> x",
       same_type("Slice").where(steps_forwards, "it may go backwards"), operand},
      {"drop-pad", "Pad(x, 0) -> x", op("Pad").where(pads_nothing, "it pads, or by numbers that are not known"), operand},
      {"drop-transpose", "Transpose(x, 0, 1, ...) -> x", op("Transpose").where(keeps_order, "it moves axes"), operand},
      {"drop-split", "Split(x) into one part -> x", same_type("Split"), operand},
      {"drop-clip", "Clip(x) without bounds -> x", op("Clip").where(has_no_bounds, "it has a bound"), operand},
  };
  for (const char* name : {"Cast", "CastLike", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "ReduceSum",
                           "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"})
    rewrites.push_back({cat("drop-same-", name), cat(name, "(x) of x's type -> x"), same_type(name), operand});
  for (const char* name : {"Concat", "Sum", "Mean", "Max", "Min"})
    rewrites.push_back({cat("drop-single-", name), cat(name, "(x) -> x"), op(name, {any("x")}), operand});
  for (const char* name : {"MaxPool", "AveragePool"})
    rewrites.push_back({cat("drop-small-", name), cat(name, "(x) over single elements -> x"),
                        same_type(name).where(looks_at_one_element, "its windows hold several elements"), operand});
  return rewrites;
}

}  // namespace cnnc
