// How a loop nest becomes a kernel: which loop is vectorised, what one task is.
#pragma once
#include <functional>

#include "ir/affine.h"
#include "ir/loop_nest.h"

namespace cnnc::codegen {

struct LoopPlan {
  Dims loops;
  std::vector<int> inner;  // loops that stages run, in order
  std::vector<int> outer;  // the others, in order; the vector loop is not among them
  bool rows = false;       // results are computed over the inner loops too
  std::vector<LoopNest::Stage> stages;  // every load has one index, its flat offset; functions are expanded
  std::vector<LoopNest::Result> results;
  Scalar store_offset;  // of every result, in elements

  int vector_loop = -1;  // -1: nothing to vectorise
  bool horizontal = false;  // the vector loop is an inner one: lanes are combined at the end of a stage
  int lanes = 1;         // of a full vector
  int unroll = 1;        // vectors computed together

  // A task is one point of the first `task_loops` outer loops, or a part of `chunk` points of the chunk loop in addition.
  int task_loops = 0;
  int chunk_loop = -1;
  int64_t chunk = 0;

  Dim tasks() const;
};

// `strides` gives the strides of an operand in elements; `f32_lanes` is the width of the target's vectors.
LoopPlan plan_loops(const LoopNest& nest, const std::function<Dims(int operand)>& strides, int f32_lanes);

}  // namespace cnnc::codegen
