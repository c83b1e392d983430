// Views become one Reshape with a constant shape.
#include "ir/op_def.h"
#include "passes/canonicalize.h"
#include "passes/constants.h"

namespace cnnc {

namespace {

// The size that Reshape infers for -1 beside these.
std::optional<Dim> size_left(const Dims& from, const Dims& given) {
  const Dim rest = product(given);
  if (rest == 0) return std::nullopt;
  return Dim::floor_div(product(from), rest);
}

// A constant shape operand with which Reshape makes `to` of `from`: numbers, 0 for symbolic sizes that stay in place, and -1
// for no more than one other.
std::optional<Ints> constant_shape(const Dims& from, const Dims& to) {
  Ints shape;
  Dims given;
  std::optional<size_t> left;
  for (size_t i = 0; i < to.size(); ++i) {
    given.push_back(to[i]);
    if (to[i].is_const()) {
      if (to[i] == 0) return std::nullopt;  // 0 means something else
      shape.push_back(to[i].value());
    } else if (i < from.size() && from[i] == to[i]) {
      shape.push_back(0);
    } else {
      if (left) return std::nullopt;
      left = i;
      shape.push_back(-1);
      given.back() = 1;
    }
  }
  if (left) {
    const std::optional<Dim> size = size_left(from, given);
    if (!size || !(*size == to[*left])) return std::nullopt;
  }
  return shape;
}

const std::vector<std::string> kViews = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};

Pattern view(const std::string& name, Pattern x) { return op(name, {std::move(x), optional(name + " operand")}); }

bool is_in_normal_form(const Node& n) { return n.is("Reshape") && n.input(1)->constant(); }
// Arithmetic on sizes stays as it is: it goes away when nothing uses it.
bool is_data(const Node& n) { return !n.output()->content(); }

bool can_reshape(const Match& m) {
  return constant_shape(m["x"]->type().dims, m.root().output()->type().dims).has_value();
}

Replacement reshaped(const Match& m, Graph& g) {
  const Ints shape = *constant_shape(m["x"]->type().dims, m.root().output()->type().dims);
  return g.make("Reshape", {m["x"], g.constant(Tensor::ints(shape))});
}

constexpr const char* kNotExpressible = "the shape has several symbolic sizes that move";

}  // namespace

std::vector<Rewrite> reshape_rewrites() {
  std::vector<Rewrite> rewrites;
  for (const std::string& outer : kViews) {
    rewrites.push_back({cat("normalize-", outer), cat(outer, "(x) -> Reshape(x, constant)"),
                        view(outer, any("x"))
                            .where([](const Node& n) { return !is_in_normal_form(n); }, "its shape is constant already")
                            .where(is_data, "it works on sizes")
                            .where(can_reshape, kNotExpressible),
                        reshaped});
    Pattern inner = one_of(kViews, {any("x"), optional("inner operand")});
    rewrites.push_back({cat("merge-views-", outer), cat(outer, "(view(x)) -> Reshape(x, constant)"),
                        view(outer, inner).where(is_data, "it works on sizes").where(can_reshape, kNotExpressible),
                        reshaped});
  }
  return rewrites;
}

}  // namespace cnnc
