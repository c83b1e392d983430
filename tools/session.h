// A model compiled in this process and ready to run.
#pragma once
#include <memory>

#include "codegen/jit.h"
#include "runtime/cnnc.h"
#include "tools/options.h"

namespace cnnc::tools {

class Session {
 public:
  struct Options {
    int threads = 0;
    bool profile = false;
  };
  // Optimises and compiles the graph. Throws Error.
  Session(Graph& graph, const BuildFlags& flags, const Options& options);
  ~Session();
  Session(const Session&) = delete;

  cnnc_executable* executable() const { return executable_; }
  // Passes, code generation, packing of weights.
  int64_t compile_ns() const { return compile_ns_; }

 private:
  std::unique_ptr<codegen::JitModel> model_;
  cnnc_executable* executable_ = nullptr;
  int64_t compile_ns_ = 0;
};

}  // namespace cnnc::tools
