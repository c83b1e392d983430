#include "passes/pipeline.h"

#include <algorithm>

#include "ir/error.h"
#include "passes/passes.h"

namespace cnnc {

Pipeline inference_pipeline() {
  return {
      {{keep_size_conditions()}},
      {{split_operands()}},
      {{canonicalize(), simplify_regions(), fold_constants(), cse(), recognize_operators(), fold_pads(), fold_batch_norm(),
        eliminate_dead_code()},
       kUntilFixedPoint},
      {{linear_scatters(), decompose()}},
      {{canonicalize(), simplify_regions(), fold_constants(), cse(), fold_batch_norm(), eliminate_dead_code()},
       kUntilFixedPoint},
      {{channels_last()}},
      // Without the Transposes between them, more padding and arithmetic meets its convolution.
      {{fold_transposes(), move_transposes(), fold_pads(), fold_batch_norm(), canonicalize(), simplify_regions(), fold_constants(),
        cse(), eliminate_dead_code()},
       kUntilFixedPoint},
      {{pack_pixels(), transposes_to_views(), fold_constants(), cse(), eliminate_dead_code()}, kUntilFixedPoint},
      {{fuse_epilogues()}},
      {{split_reductions()}},
      {{fuse_loops()}},
      {{fuse_siblings()}},
      {{fuse_updates()}},
  };
}

const std::vector<Pass>& all_passes() {
  static const std::vector<Pass> passes = [] {
    std::vector<Pass> all;
    for (const Stage& stage : inference_pipeline()) {
      for (const Pass& pass : stage.passes) {
        const auto same = [&](const Pass& other) { return other.name == pass.name; };
        if (std::none_of(all.begin(), all.end(), same)) all.push_back(pass);
      }
    }
    std::sort(all.begin(), all.end(), [](const Pass& a, const Pass& b) { return a.name < b.name; });
    return all;
  }();
  return passes;
}

const Pass& pass_named(std::string_view name) {
  std::string list;
  for (const Pass& pass : all_passes()) {
    if (pass.name == name) return pass;
    list += (list.empty() ? "" : ", ") + pass.name;
  }
  throw Error(cat("there is no pass ", quoted(std::string(name)), "; there are: ", list), Fault::usage);
}

}  // namespace cnnc
