// Less memory for more work: values of the forward pass that are computed again where the backward pass needs them.
#pragma once
#include <functional>

#include "codegen/compile.h"
#include "ir/error.h"
#include "passes/pass_manager.h"

namespace cnnc::codegen {

// A limit of memory that is out of reach.
class NotEnoughMemory : public Error {
 public:
  NotEnoughMemory(int64_t least, int64_t limit);
  int64_t least() const { return least_; }
  int64_t limit() const { return limit_; }

 private:
  int64_t least_, limit_;
};

// Compiles programs that share a limit, with functions that do it. Where one does not fit, the NotEnoughMemory that is thrown
// tells what all of them need.
void compile_within_limit(const std::vector<std::function<void()>>& programs);

// Where the graph's working memory is above options.memory, values that lie idle while it is largest are computed a second
// time before their later uses, from what is alive there: those first that free the most bytes for the work, contractions
// only when nothing else is left. Kernels have been chosen and stay, so results are the same bits. No pass behind this one
// may merge equal nodes. Throws NotEnoughMemory.
Pass recompute(const CompileOptions& options);

}  // namespace cnnc::codegen
