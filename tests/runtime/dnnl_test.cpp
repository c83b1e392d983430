#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "runtime/dnnl_params.h"
#include "runtime/model.h"

extern "C" const cnnc_library_step cnnc_dnnl_convolution;
extern "C" const cnnc_library_step cnnc_dnnl_matmul;
extern "C" const cnnc_library_step cnnc_dnnl_pooling;

namespace cnnc {
namespace {

std::vector<float> pattern(size_t count, int seed) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>((i * 7 + static_cast<size_t>(seed)) % 11) - 5;
  }
  return values;
}

DnnlEpilogue bias_add_relu() {
  DnnlEpilogue epilogue{};
  epilogue.has_bias = 1;
  epilogue.post_op_count = 2;
  epilogue.post_ops[0] = {kDnnlAdd, 0, 0};
  epilogue.post_ops[1] = {kDnnlRelu, 0, 0};
  return epilogue;
}

// Operands: src, weights, bias, residual, dst; weights and bias are constants.
template <typename Params>
void prepare_and_run(const cnnc_library_step& step, const Params& params,
                     const std::vector<int64_t>& sizes, const std::vector<float*>& operands,
                     void** state) {
  std::vector<void*> args(operands.begin(), operands.end());
  std::vector<void*> constants(args.size());
  for (size_t i = 1; i < std::min<size_t>(args.size() - 1, 3); ++i) constants[i] = args[i];
  char error[256] = "";
  const cnnc_library_call call{&params,          sizeof params,
                               sizes.data(),     static_cast<uint32_t>(sizes.size()),
                               static_cast<uint32_t>(args.size()), constants.data(), 2,
                               error,            sizeof error};
  ASSERT_EQ(step.prepare(&call, state), 0) << error;
  ASSERT_EQ(step.run(*state, args.data()), 0);
}

// 3x3, stride 2, pads 1 before and 0 after, two groups, channels last.
float naive_convolution(const std::vector<float>& x, const std::vector<float>& w, int64_t n,
                        int64_t y, int64_t z, int64_t o) {
  float sum = 0;
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t r = 0; r < 3; ++r) {
      for (int64_t s = 0; s < 3; ++s) {
        const int64_t h = y * 2 - 1 + r, v = z * 2 - 1 + s;
        if (h < 0 || h >= 6 || v < 0 || v >= 6) continue;
        const int64_t c = o / 3 * 2 + i;
        sum += x[static_cast<size_t>(((n * 6 + h) * 6 + v) * 4 + c)] *
               w[static_cast<size_t>(((o * 2 + i) * 3 + r) * 3 + s)];
      }
    }
  }
  return sum;
}

TEST(Dnnl, ConvolutionWithGroupsAndEpilogueForEveryBatch) {
  DnnlConvolutionParams params{4, 2, 1, 0, {6, 2, 3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 0},
                               bias_add_relu()};
  auto w = pattern(6 * 2 * 9, 1), bias = pattern(6, 2);
  void* state = nullptr;
  for (int64_t batch : {1, 3, 2}) {
    const auto count = static_cast<size_t>(batch);
    auto x = pattern(count * 6 * 6 * 4, 3), residual = pattern(count * 9 * 6, 4);
    std::vector<float> out(residual.size());
    prepare_and_run(cnnc_dnnl_convolution, params, {batch, 4, 6, 6, batch, 6, 3, 3},
                    {x.data(), w.data(), bias.data(), residual.data(), out.data()}, &state);
    for (size_t i = 0; i < out.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const float sum = naive_convolution(x, w, at / 54, at / 18 % 3, at / 6 % 3, at % 6);
      ASSERT_FLOAT_EQ(out[i], std::max(0.0f, sum + bias[i % 6] + residual[i])) << i;
    }
  }
  cnnc_dnnl_convolution.release(state);
}

TEST(Dnnl, BatchedMatmulWithTransposedWeights) {
  DnnlMatmulParams params{3, 0, 1, 0, bias_add_relu()};
  auto x = pattern(2 * 4 * 5, 1), w = pattern(3 * 5, 2), bias = pattern(3, 3);
  auto residual = pattern(2 * 4 * 3, 4);
  std::vector<float> out(residual.size());
  void* state = nullptr;
  prepare_and_run(cnnc_dnnl_matmul, params, {2, 4, 5, 1, 5, 3, 2, 4, 3},
                  {x.data(), w.data(), bias.data(), residual.data(), out.data()}, &state);
  for (size_t i = 0; i < out.size(); ++i) {
    float sum = bias[i % 3] + residual[i];
    for (size_t k = 0; k < 5; ++k) sum += x[i / 3 * 5 + k] * w[i % 3 * 5 + k];
    ASSERT_FLOAT_EQ(out[i], std::max(0.0f, sum)) << i;
  }
  cnnc_dnnl_matmul.release(state);
}

TEST(Dnnl, PoolingKnowsItsPadding) {
  const float expected[] = {4, 2.5f, 2.5f * 4 / 9};
  for (uint32_t kind : {kDnnlMax, kDnnlAverage, kDnnlAverageWithPadding}) {
    const DnnlPoolingParams params{4, kind, 1, 0, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}};
    std::vector<float> x = {1, 2, 3, 4}, out(1);
    void* state = nullptr;
    prepare_and_run(cnnc_dnnl_pooling, params, {1, 1, 2, 2, 1, 1, 1, 1}, {x.data(), out.data()},
                    &state);
    EXPECT_FLOAT_EQ(out[0], expected[kind]);
    cnnc_dnnl_pooling.release(state);
  }
}

TEST(Dnnl, DamagedParametersAreAnError) {
  const int64_t sizes[1] = {1};
  const DnnlMatmulParams params{};
  void* constants[3] = {};
  char error[256] = "";
  void* state = nullptr;
  const cnnc_library_call call{&params, sizeof params, sizes,         1, 3,
                               constants, 1,            error, sizeof error};
  EXPECT_NE(cnnc_dnnl_matmul.prepare(&call, &state), 0);
  EXPECT_STREQ(error, "its parameters are damaged");
}

} // namespace
} // namespace cnnc
