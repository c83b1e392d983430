// Whole models: all engines, one answer, that of ONNX Runtime.
#include <gtest/gtest.h>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "tests/models/model_case.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/examples.h"
#include "tests/support/network_difference.h"

namespace cnnc {
namespace {

using codegen::Kernels;

class Zoo : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!has_model(GetParam())) GTEST_SKIP() << "make_models.py has not made " << GetParam();
    model_ = read_model(GetParam());
  }

  std::unique_ptr<Graph> import(const ImportOptions& options = {}) const {
    return import_onnx_file(model_.model, options);
  }

  void expect_reference(const std::vector<Tensor>& outputs) const {
    ASSERT_EQ(outputs.size(), model_.outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i)
      EXPECT_EQ(network_difference(model_.outputs[i], outputs[i]), "") << "output " << i;
  }

  void expect_jit_gives_reference(const JitSettings& settings) const {
    expect_reference(jit_run(*import(), model_.inputs, settings));
  }

  ModelCase model_;
};

TEST_P(Zoo, Interpreter) { expect_reference(interpret(*import(), model_.inputs)); }
TEST_P(Zoo, Jit) { expect_jit_gives_reference({}); }
TEST_P(Zoo, JitOnTwoThreads) { expect_jit_gives_reference({.threads = 2}); }
TEST_P(Zoo, JitWithLlvmKernels) { expect_jit_gives_reference({.kernels = Kernels::llvm}); }
TEST_P(Zoo, JitWithOneDnnKernels) { expect_jit_gives_reference({.kernels = Kernels::dnnl}); }
TEST_P(Zoo, JitForAnyMachine) { expect_jit_gives_reference({.target = "x86-64-v2"}); }

// Some images beside each other, no two alike.
Tensor batch_of(const Tensor& input, int64_t count) {
  Shape shape = input.shape();
  shape[0] = count;
  return random_tensor(input.dtype(), shape, -2, 2, 7);
}

// One program for all batches gives what programs for one batch each give.
TEST_P(Zoo, BatchesOfAnySize) {
  const auto symbolic = import();
  if (symbolic->inputs()[0]->dim(0).is_const()) GTEST_SKIP() << "its batch is fixed";
  std::vector<std::vector<Tensor>> batches;
  for (int64_t count : {1, 3, 8}) batches.push_back({batch_of(model_.inputs[0], count)});
  const auto outputs = jit_runs(*symbolic, batches);
  for (size_t k = 0; k < batches.size(); ++k) {
    ImportOptions fixed;
    fixed.shapes[symbolic->inputs()[0]->name()] = batches[k][0].shape();
    const auto expected = jit_run(*import(fixed), batches[k]);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_EQ(network_difference(expected[i], outputs[k][i]), "")
          << "batch of " << batches[k][0].shape()[0] << ", output " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Zoo, testing::ValuesIn(zoo_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace cnnc
