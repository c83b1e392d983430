// Pools over the whole image become reductions; masks go through gradients of pools.
#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/window.h"
#include "passes/canonicalize.h"

namespace cnnc {

namespace {

// One window that is the whole image, without padding.
bool covers_image(const Node& pool) {
  const OpContext c(pool);
  const ChannelLayout layout = channel_layout(c);
  const Window window = window_of(c, layout.spatial_dims(c.dims()), to_dims(c.integers("kernel_shape")));
  for (const WindowAxis& axis : window)
    if (!(axis.kernel == axis.input) || axis.dilation != 1 || !(axis.pad_begin == 0) || !(axis.output == 1)) return false;
  return pool.output_count() == 1;
}

Value* over_image(const Node& pool, Graph& g, std::string_view reduction) {
  const ChannelLayout layout = channel_layout(OpContext(pool));
  Ints axes;
  for (int i = 0; i < layout.spatial_rank(); ++i) axes.push_back(layout.spatial(i));
  return reduced(g, reduction, pool.input(0), axes);
}

Rewrite global(const std::string& pool, const std::string& reduction) {
  return {cat("reduce-", pool), cat(pool, "(x) -> ", reduction, "(x)"), op(pool),
          [reduction](const Match& m, Graph& g) { return over_image(m.root(), g, reduction); }};
}

Rewrite whole(const std::string& pool, const std::string& reduction) {
  Rewrite rewrite = global(pool, reduction);
  rewrite.pattern = rewrite.pattern.where(covers_image, "its window is not the whole image");
  return rewrite;
}

bool is_number(const Match& m, const char* name) { return m[name]->constant()->size() == 1; }

// The taps are those of the pool's own input, and what is masked becomes 0.
bool masks_own_pool(const Match& m) {
  const Node* taps = m["taps"]->producer();
  return taps && taps->is("MaxPoolTaps") && taps->input(0) == m["x"] && is_number(m, "threshold") && is_number(m, "zero") &&
         m["zero"]->constant()->as_double(0) == 0;
}

// An element of x that has a gradient is the greatest of its window, so the mask of the pool's result is its mask: there are
// fewer results, and the backward pass need not keep x.
Rewrite mask_before_pool_gradient() {
  const Pattern pool = op("MaxPoolGradient", {any("dy"), any("x"), any("taps")}).bind("pool").used_once();
  const Pattern mask = op("Greater", {any("x"), constant("threshold")});
  return {"mask-before-pool-gradient",
          "Where(x > t, MaxPoolGradient(dy, x), 0) -> MaxPoolGradient(Where(MaxPool(x) > t, dy, 0), x)",
          op("Where", {mask, pool, constant("zero")}).where(masks_own_pool, "the pool is another one, or its mask is not 0"),
          [](const Match& m, Graph& g) {
            const Attributes attributes = m.node("pool").attributes();
            Value* y = g.make("MaxPool", {m["x"]}, attributes);
            Value* dy = g.make("Where", {g.make("Greater", {y, m["threshold"]}), m["dy"], m["zero"]});
            return g.make("MaxPoolGradient", {dy, m["x"], m["taps"]}, attributes);
          }};
}

}  // namespace

std::vector<Rewrite> pool_rewrites() {
  return {mask_before_pool_gradient(), global("GlobalAveragePool", "ReduceMean"), global("GlobalMaxPool", "ReduceMax"), whole("AveragePool", "ReduceMean"),
          whole("MaxPool", "ReduceMax")};
}

}  // namespace cnnc
