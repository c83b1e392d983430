// Dinic's algorithm: shortest augmenting paths, found level by level.
#include "passes/min_cut.h"

#include <algorithm>

namespace cnnc {

int MinCut::add_vertex() {
  leaving_.emplace_back();
  return static_cast<int>(leaving_.size()) - 1;
}

void MinCut::add_edge(int from, int to, int64_t capacity) {
  if (from == to || capacity == 0) return;
  leaving_[static_cast<size_t>(from)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({from, to, capacity, 0});
  leaving_[static_cast<size_t>(to)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({to, from, 0, 0});
}

std::vector<bool> MinCut::sink_side() {
  while (find_levels()) {
    next_.assign(leaving_.size(), 0);
    while (push(kSource, kUnlimited) > 0) continue;
  }
  std::vector<bool> reaches_sink(leaving_.size(), false);
  reaches_sink[kSink] = true;
  std::vector<int> queue{kSink};
  for (size_t at = 0; at < queue.size(); ++at)
    for (int index : leaving_[static_cast<size_t>(queue[at])]) {
      const Edge& arriving = edges_[static_cast<size_t>(index ^ 1)];
      if (residual(arriving) == 0 || reaches_sink[static_cast<size_t>(arriving.from)]) continue;
      reaches_sink[static_cast<size_t>(arriving.from)] = true;
      queue.push_back(arriving.from);
    }
  return reaches_sink;
}

int64_t MinCut::cost(const std::vector<bool>& on_sink_side) const {
  int64_t total = 0;
  for (size_t i = 0; i < edges_.size(); i += 2)
    if (!on_sink_side[static_cast<size_t>(edges_[i].from)] &&
        on_sink_side[static_cast<size_t>(edges_[i].to)])
      total += edges_[i].capacity;
  return total;
}

bool MinCut::find_levels() {
  level_.assign(leaving_.size(), -1);
  level_[kSource] = 0;
  std::vector<int> queue{kSource};
  for (size_t at = 0; at < queue.size(); ++at)
    for (int index : leaving_[static_cast<size_t>(queue[at])]) {
      const Edge& e = edges_[static_cast<size_t>(index)];
      if (residual(e) == 0 || level_[static_cast<size_t>(e.to)] >= 0) continue;
      level_[static_cast<size_t>(e.to)] = level_[static_cast<size_t>(e.from)] + 1;
      queue.push_back(e.to);
    }
  return level_[kSink] >= 0;
}

int64_t MinCut::push(int vertex, int64_t limit) {
  if (vertex == kSink) return limit;
  const auto v = static_cast<size_t>(vertex);
  for (; next_[v] < leaving_[v].size(); ++next_[v]) {
    const int index = leaving_[v][next_[v]];
    Edge& e = edges_[static_cast<size_t>(index)];
    if (residual(e) == 0 || level_[static_cast<size_t>(e.to)] != level_[v] + 1) continue;
    const int64_t pushed = push(e.to, std::min(limit, residual(e)));
    if (pushed == 0) continue;
    e.flow += pushed;
    edges_[static_cast<size_t>(index ^ 1)].flow -= pushed;
    return pushed;
  }
  return 0;
}

}  // namespace cnnc
