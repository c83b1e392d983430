// Pools over the whole image become reductions.
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

}  // namespace

std::vector<Rewrite> global_pool_rewrites() {
  return {global("GlobalAveragePool", "ReduceMean"), global("GlobalMaxPool", "ReduceMax"), whole("AveragePool", "ReduceMean"),
          whole("MaxPool", "ReduceMax")};
}

}  // namespace cnnc
