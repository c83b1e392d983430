// Gathers of one known index are slices: where they read is then known, and no index is loaded.
#include "ir/op_def.h"
#include "passes/canonicalize.h"
#include "passes/constants.h"

namespace cnnc {

namespace {

int axis_of(const Node& gather) {
  const OpContext c(gather);
  return c.axis(c.integer("axis"), c.rank());
}

// One index, alone or as a vector, that is in range whatever the symbols are.
bool takes_one_index(const Node& gather) {
  const Tensor* index = known_tensor(gather.input(1));
  if (index == nullptr || index->size() != 1 || index->shape().size() > 1 || gather.output()->content()) return false;
  const Dim& size = gather.input(0)->dim(axis_of(gather));
  return size.is_const() && index->as_int(0) >= -size.value() && index->as_int(0) < size.value();
}

Replacement sliced(const Match& m, Graph& g) {
  const Node& gather = m.root();
  const int axis = axis_of(gather);
  const Tensor& index = *m["index"]->constant();
  const int64_t size = m["x"]->dim(axis).value(), start = index.as_int(0) + (index.as_int(0) < 0 ? size : 0);
  Value* axes = g.constant(Tensor::ints({axis}));
  Value* slice = g.make("Slice", {m["x"], g.constant(Tensor::ints({start})), g.constant(Tensor::ints({start + 1})), axes});
  return index.shape().empty() ? g.make("Squeeze", {slice, axes}) : slice;
}

}  // namespace

std::vector<Rewrite> gather_rewrites() {
  return {{"gather-one", "Gather(x, i) -> Squeeze(Slice(x, i, i + 1))",
           op("Gather", {any("x"), known_constant("index")}).where(takes_one_index, "it takes several indices, or works on sizes"),
           sliced}};
}

}  // namespace cnnc
