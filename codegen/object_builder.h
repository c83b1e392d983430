// Collects the kernels of a program and turns them into one object file.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codegen/target_machine.h"
#include "ir/graph.h"

namespace cnnc::codegen {

// What a step needs to call its kernel. Indices point into the program's value table.
struct KernelCall {
  uint32_t kernel = 0;
  // The node's operands that the kernel reads, in the order of its arguments; the output follows, or all of them where one
  // kernel computes them together.
  std::vector<int> operands;
  std::vector<uint32_t> sizes;  // what the kernel gets as `sizes`
  uint32_t tasks_value = 0;
  uint32_t scratch_value = UINT32_MAX;
};

class ObjectBuilder {
 public:
  struct Options {
    bool thorough = false;    // LLVM takes more time to generate code
    int threads = 1;          // that compile kernels, some while others are added
    bool one_module = false;  // for llvm_text() and assembly(), instead of finish()
  };
  ObjectBuilder(const TargetSpec& target, std::vector<std::string> symbols, const Options& options);
  ~ObjectBuilder();

  // The value table's entry for a size.
  uint32_t value(const Dim& dim);
  uint32_t value_count() const;
  // The table for given sizes of the symbols.
  std::vector<int64_t> evaluate(const std::map<std::string, int64_t>& sizes) const;

  // A kernel for output `output` of a node, or for all of them when they are computed together. Equal nodes share a kernel. Throws Error when the node has no such kernel.
  KernelCall add_kernel(const std::string& kind, const Node& node, int output);

  struct Finish {
    std::vector<uint8_t> plan;           // serialized Program
    std::vector<std::string> libraries;  // symbols of library steps (runtime/model.h), in the order of their numbers
    uint64_t weights_bytes = 0;
    bool external_weights = false;  // the model refers to kWeightsSymbol; else the loader fills its pointer in
  };
  // The object file with kernels, size function, plan and the symbol `cnnc_model`; or the same as text. Each ends the
  // builder's life.
  std::vector<char> finish(const Finish& finish);
  std::string llvm_text(const Finish& finish);
  std::string assembly(const Finish& finish);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

inline constexpr const char* kWeightsSymbol = "cnnc_weights";

}  // namespace cnnc::codegen
