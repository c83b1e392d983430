// Minimum cuts of flow networks: the cheapest way to give each vertex one of two labels.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cnnc {

// Vertices 0 (the source) and 1 (the sink) exist from the start. A labelling costs the capacities
// of all edges that lead from the source's side to the sink's.
class MinCut {
 public:
  static constexpr int kSource = 0, kSink = 1;
  static constexpr int64_t kUnlimited = int64_t{1} << 60;

  int add_vertex();
  void add_edge(int from, int to, int64_t capacity);

  // For each vertex, whether it is on the sink's side of a cheapest cut. Of equal cuts the one with
  // the fewest there.
  std::vector<bool> sink_side();
  // The cost of any labelling.
  int64_t cost(const std::vector<bool>& on_sink_side) const;

 private:
  struct Edge {
    int from, to;
    int64_t capacity, flow;
  };
  bool find_levels();
  int64_t push(int vertex, int64_t limit);
  int64_t residual(const Edge& e) const { return e.capacity - e.flow; }

  // Edge 2k and its reverse 2k + 1.
  std::vector<Edge> edges_;
  std::vector<std::vector<int>> leaving_{2};
  std::vector<int> level_;
  std::vector<std::size_t> next_;
};

}  // namespace cnnc
