// Every pass. passes/pipeline.cpp has the order in which they run.
#pragma once
#include <string_view>
#include <vector>

#include "passes/pass_manager.h"

namespace cnnc {

// Writes down what the graph asks of its symbolic sizes, before the nodes that imply it are folded or fused away.
Pass keep_size_conditions();
// Operators of many operands become trees of operators of few.
Pass split_operands();
// Removes nodes that nothing uses.
Pass eliminate_dead_code();
// Makes equal computations one.
Pass cse();
// Computes what depends on constants only, and shapes that are known.
Pass fold_constants();
// Branches that are known to be taken are inlined, loops with a known trip count become scans, constants go into the
// regions that use them.
Pass simplify_regions();
// Removes operators that do nothing, and brings others to their simplest form.
Pass canonicalize();
// Operators that no kernel computes whole become the graphs they stand for.
Pass decompose();
// Scatters and the gradients of gathers, whose elements look for what goes to them, write it where it goes instead.
Pass linear_scatters();
// BatchNormalization and other arithmetic per channel goes into the weights beside it.
Pass fold_batch_norm();
// Padding with a constant becomes padding of the convolution or pool behind it.
Pass fold_pads();
// Operators that exporters wrote in pieces become one node again.
Pass recognize_operators();
// Convolutions to few channels compute neighbouring pixels as channels of one.
Pass pack_pixels();
// Conv, ConvTranspose or MatMul and the element-wise operators on its result become one kernel.
Pass fuse_epilogues();
// Element-wise operators, movement and reductions that share one loop nest become one kernel.
Pass fuse_loops();
// Reductions of the same tensor over the same loops become one kernel.
Pass fuse_siblings();
// A weight is updated by the kernel of the product that is its gradient.
Pass fuse_updates();
// A long reduction to few elements becomes one of many parts and one of their results.
Pass split_reductions();
// Brings convolutions and pools to [N, spatial..., C], between Transposes.
Pass channels_last();
// Merges, cancels and drops Transposes, and folds them into the weights of dense layers.
Pass fold_transposes();
// Moves Transposes through operators to where they cancel or move the fewest bytes.
Pass move_transposes();
// Makes a Reshape of each Transpose that leaves the elements in order.
Pass transposes_to_views();

// The rewrites of fold_transposes(), which move_transposes() applies too.
std::vector<Rewrite> transpose_rewrites();

// All of the above, in order of name: what --passes=... may name.
const std::vector<Pass>& all_passes();
// Throws Error when there is none of that name.
const Pass& pass_named(std::string_view name);

}  // namespace cnnc
