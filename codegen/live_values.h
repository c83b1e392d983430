// Which values of a graph with chosen kernels are in memory together, step by step.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc::codegen {

// The life of a value that has memory of the program's own, in positions of nodes. Uses of views are uses of what they view.
struct LiveValue {
  int64_t bytes = 0;
  size_t first = 0, last = 0;  // from its computation to its last use, or to before the step that overwrites it
  std::vector<size_t> uses;    // ascending

  bool is_live(size_t position) const { return first <= position && position <= last; }
  // Kept at a position for a later one only.
  bool is_idle(size_t position) const;
  // The first use behind a position; SIZE_MAX when there is none.
  size_t next_use(size_t position) const;
};

// What is known of nodes whatever is inserted between them: for each output the operands that it may overwrite.
using InPlaceOperands = std::map<int64_t, std::vector<std::vector<int>>>;  // by node id

class LiveValues {
 public:
  // `sizes` are those of the graph's symbols.
  LiveValues(const Graph& graph, const std::map<std::string, int64_t>& sizes, InPlaceOperands& in_place);

  const std::vector<Node*>& nodes() const { return nodes_; }
  // Null for inputs, constants and outputs of the graph.
  const LiveValue* find(const Value* root) const;
  // Where the most bytes are alive, the first of several places, and how many.
  size_t peak() const { return peak_; }
  int64_t peak_bytes() const { return peak_bytes_; }

 private:
  void add_node(const Node& node, size_t position, const std::map<std::string, int64_t>& sizes);
  void end_overwritten(const Node& node, size_t position, const std::vector<std::vector<int>>& operands);
  void find_peak();

  std::vector<Node*> nodes_;
  std::map<const Value*, LiveValue> values_;
  size_t peak_ = 0;
  int64_t peak_bytes_ = 0;
};

}  // namespace cnnc::codegen
