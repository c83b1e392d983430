// Generated contraction kernels against plain loops in double precision.
#include "codegen/llvm/contraction.h"
#include "codegen/llvm/tile.h"

#include <gtest/gtest.h>

#include "tests/codegen/kernel_problem.h"

namespace cnnc::codegen {
namespace {

template <typename T>
void check_convolution(const Problem& p, const std::string& cpu, int runtime_sizes,
                       std::mt19937& random) {
  VectorIsa isa = isa_of(cpu);
  ConvolutionSpec fixed = spec_of(p);
  ContractionPlan plan = plan_convolution(symbolic(fixed, p, runtime_sizes, nullptr), isa);
  auto spec = [&](const KernelBody& body) { return symbolic(fixed, p, runtime_sizes, &body); };
  Tensors<T> t = make_tensors<T>(p, random);
  std::vector<T> packed(packed_weights_size(fixed, plan));
  pack_weights(fixed, plan, t.weights.data(), packed.data());
  JitKernel kernel(cpu, [&](const KernelBody& body) {
    KernelOperands operands = body.operands();
    if (p.bias) operands.bias = body.argument(3);
    emit_convolution(body.builder, spec(body), plan, isa, operands);
  });
  auto sizes = sizes_of(p);
  auto [tasks, bytes] = evaluate_sizes(sizes, [&](const KernelBody& body) {
    return std::pair(emit_convolution_tasks(body.builder, spec(body), plan),
                     emit_convolution_scratch(body.builder, spec(body), plan));
  });
  run_guarded<T>(kernel.function(), {&t.input, &packed, &t.bias}, t.output, sizes, tasks, bytes);
  expect_reference(p, t);
}

void check(const Problem& p, const std::string& cpu, int runtime_sizes, std::mt19937& random) {
  if (p.type == FloatType::f32)
    check_convolution<float>(p, cpu, runtime_sizes, random);
  else
    check_convolution<double>(p, cpu, runtime_sizes, random);
}

// Pads the axis until the kernel fits.
void make_valid(Problem& p, int i) {
  int64_t extent = p.dilation[i] * (p.kernel[i] - 1) + 1;
  if (p.input[i] + p.pad_begin[i] + p.pad_end[i] < extent) p.pad_end[i] += extent;
}

Problem random_problem(std::mt19937& random) {
  Problem p;
  p.batch = pick(random, 1, 2);
  p.groups = pick(random, 0, 3) ? 1 : pick(random, 2, 4);
  p.channels = p.groups * pick(random, 1, 20);
  p.outputs = p.groups * pick(random, 1, p.groups > 1 ? 20 : 70);
  p.planar = pick(random, 0, 3) == 0;
  p.bias = pick(random, 0, 1);
  if (pick(random, 0, 5) == 0) p.type = FloatType::f64;
  int rank = static_cast<int>(pick(random, 1, 3));
  for (int i = 3 - rank; i < 3; ++i) {
    p.input[i] = pick(random, 1, i == 2 ? 40 : 9);
    p.kernel[i] = pick(random, 0, 2) ? pick(random, 1, 4) : 1;
    p.stride[i] = pick(random, 1, 3);
    p.dilation[i] = pick(random, 1, 2);
    p.pad_begin[i] = pick(random, 0, 3);
    p.pad_end[i] = pick(random, 0, 3);
  }
  for (int i = 0; i < 3; ++i) make_valid(p, i);
  return p;
}

class Contraction : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!machine_has(GetParam())) GTEST_SKIP() << "this machine lacks " << GetParam();
  }
};

TEST_P(Contraction, RandomConvolutionsAreExactOnEveryTask) {
  std::mt19937 random(20);
  for (int i = 0; i < 40 && !HasFatalFailure(); ++i)
    check(random_problem(random), GetParam(), 0, random);
}

TEST_P(Contraction, RunTimeSizesGiveTheSameResults) {
  std::mt19937 random(21);
  for (int i = 0; i < 60 && !HasFatalFailure(); ++i)
    check(random_problem(random), GetParam(), 1 + i % 15, random);
}

TEST_P(Contraction, PixelsThatShareCacheSets) {
  std::mt19937 random(22);
  Problem p;
  p.channels = 1024;
  p.outputs = 80;
  p.input = {1, 9, 9};
  check(p, GetParam(), 0, random);
  p.stride = {1, 2, 2};
  check(p, GetParam(), 0, random);
}

TEST_P(Contraction, LargeKernelsKeepTheCodeSmall) {
  std::mt19937 random(23);
  Problem p;
  p.channels = 3;
  p.outputs = 40;
  p.input = {1, 31, 63};
  p.kernel = {1, 11, 31};
  p.pad_begin = p.pad_end = {0, 5, 15};
  check(p, GetParam(), 0, random);
}

void check_depthwise(const Problem& p, const std::string& cpu, int runtime_sizes,
                     std::mt19937& random) {
  VectorIsa isa = isa_of(cpu);
  ConvolutionSpec fixed = spec_of(p);
  ASSERT_EQ(depthwise_refusal(fixed), std::nullopt);
  DepthwisePlan plan = plan_depthwise(symbolic(fixed, p, runtime_sizes, nullptr), isa);
  auto spec = [&](const KernelBody& body) { return symbolic(fixed, p, runtime_sizes, &body); };
  Tensors<float> t = make_tensors<float>(p, random);
  std::vector<float> packed(packed_depthwise_size(fixed, plan));
  pack_depthwise_weights(fixed, plan, t.weights.data(), packed.data());
  JitKernel kernel(cpu, [&](const KernelBody& body) {
    KernelOperands operands = body.operands();
    if (p.bias) operands.bias = body.argument(3);
    ConvolutionSpec known = spec(body);
    emit_depthwise(body.builder, known, plan, isa, operands);
  });
  auto sizes = sizes_of(p);
  int64_t tasks = evaluate_sizes(sizes, [&](const KernelBody& body) {
                    Value* count = emit_depthwise_tasks(body.builder, spec(body), plan);
                    return std::pair(count, count);
                  }).first;
  run_guarded<float>(kernel.function(), {&t.input, &packed, &t.bias}, t.output, sizes, tasks, 0);
  expect_reference(p, t);
}

TEST_P(Contraction, RandomDepthwiseConvolutions) {
  std::mt19937 random(24);
  for (int i = 0; i < 40 && !HasFatalFailure(); ++i) {
    Problem p = random_problem(random);
    p.planar = false;
    p.type = FloatType::f32;
    p.groups = pick(random, 2, 50);
    int64_t outputs = int64_t{1} << pick(random, 0, 2);
    p.outputs = p.groups * outputs;
    p.channels = p.groups * pick(random, 1, outputs);
    if (i % 8 == 0) p.kernel[2] = p.input[2] = 11;
    make_valid(p, 2);
    check_depthwise(p, GetParam(), i % 16, random);
  }
}

TEST(Depthwise, SaysWhyItRefuses) {
  ConvolutionSpec spec;
  spec.groups = spec.channels = 4;
  spec.output_channels = 12;
  EXPECT_EQ(depthwise_refusal(spec),
            "needs a power of two of output channels per group, at most 4, has 3");
}

struct Product {
  int64_t outer = 1, inner = 1, m = 1, n = 1, k = 1;
  bool transposed_a = false, transposed_b = false, shared_b = false;
};

MatMulSpec spec_of(const Product& p) {
  MatMulSpec spec;
  int64_t a = p.m * p.k, b = p.shared_b ? 0 : p.k * p.n, c = p.m * p.n;
  spec.batch = {{p.outer, a * p.inner, b * p.inner, c * p.inner}, {p.inner, a, b, c}};
  spec.m = p.m;
  spec.n = p.n;
  spec.k = p.k;
  spec.a_row_stride = p.transposed_a ? 1 : p.k;
  spec.a_column_stride = p.transposed_a ? p.m : 1;
  spec.b_row_stride = p.transposed_b ? 1 : p.n;
  spec.b_column_stride = p.transposed_b ? p.k : 1;
  spec.output_row_stride = p.n;
  return spec;
}

// Replaces m, n, k and the strides that hold them by run-time sizes 0, 1, 2.
MatMulSpec symbolic(MatMulSpec spec, const Product& p, const KernelBody* body) {
  auto size = [&](int i) { return body ? Size(body->size(i)) : Size::runtime(); };
  spec.m = size(0);
  spec.n = size(1);
  spec.k = size(2);
  (p.transposed_a ? spec.a_column_stride : spec.a_row_stride) = size(p.transposed_a ? 0 : 2);
  (p.transposed_b ? spec.b_column_stride : spec.b_row_stride) = size(p.transposed_b ? 2 : 1);
  spec.output_row_stride = size(1);
  return spec;
}

void expect_product(const Product& p, const std::vector<float>& a, const std::vector<float>& b,
                    const std::vector<float>& c) {
  for (int64_t batch = 0; batch < p.outer * p.inner; ++batch)
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < p.k; ++k) {
          double x = a[batch * p.m * p.k + (p.transposed_a ? k * p.m + i : i * p.k + k)];
          sum += x * b[(p.shared_b ? 0 : batch * p.k * p.n) +
                       (p.transposed_b ? j * p.k + k : k * p.n + j)];
        }
        ASSERT_NEAR(c[(batch * p.m + i) * p.n + j], sum, 1e-4 * (1 + std::abs(sum)))
            << p.m << "x" << p.n << "x" << p.k << " at " << batch << " " << i << " " << j;
      }
}

void check_product(const Product& p, const std::string& cpu, bool runtime_sizes,
                   std::mt19937& random) {
  VectorIsa isa = isa_of(cpu);
  MatMulSpec fixed = spec_of(p);
  MatMulPlan plan = plan_matmul(runtime_sizes ? symbolic(fixed, p, nullptr) : fixed, isa);
  auto spec = [&](const KernelBody& body) {
    return runtime_sizes ? symbolic(fixed, p, &body) : fixed;
  };
  int64_t batches = p.outer * p.inner;
  auto a = random_values<float>(batches * p.m * p.k, random);
  auto b = random_values<float>((p.shared_b ? 1 : batches) * p.k * p.n, random);
  std::vector<float> c(batches * p.m * p.n, NAN);
  JitKernel kernel(cpu, [&](const KernelBody& body) {
    MatMulSpec known = spec(body);
    emit_matmul(body.builder, known, plan, isa, body.operands());
  });
  std::vector<int64_t> sizes{p.m, p.n, p.k};
  auto [tasks, bytes] = evaluate_sizes(sizes, [&](const KernelBody& body) {
    return std::pair(emit_matmul_tasks(body.builder, spec(body), plan),
                     emit_matmul_scratch(body.builder, spec(body), plan));
  });
  run_guarded<float>(kernel.function(), {&a, &b}, c, sizes, tasks, bytes);
  expect_product(p, a, b, c);
}

TEST_P(Contraction, RandomProductsOfRunTimeMatrices) {
  std::mt19937 random(25);
  for (int i = 0; i < 40 && !HasFatalFailure(); ++i) {
    Product p{pick(random, 1, 2), pick(random, 1, 3), pick(random, 1, 50), pick(random, 1, 90),
              pick(random, 0, 4) ? pick(random, 1, 70) : 1};
    if (pick(random, 0, 2) == 0) p.m = 1;
    p.transposed_a = pick(random, 0, 1);
    p.transposed_b = pick(random, 0, 1);
    p.shared_b = pick(random, 0, 1);
    // Rows that fill vectors and more columns: computed transposed.
    if (i % 4 == 0) p.m = 16 * pick(random, 1, 2), p.n += p.m, p.transposed_a = false, p.transposed_b = true;
    check_product(p, GetParam(), i % 2, random);
  }
}

// c += a * b, with the tiles of an update: the sums wait until the next tile is multiplied.
TEST_P(Contraction, RandomUpdatesInPlace) {
  constexpr float kOld = 1000;
  const VectorIsa isa = isa_of(GetParam());
  std::mt19937 random(26);
  for (int i = 0; i < 24 && !HasFatalFailure(); ++i) {
    Product p{.m = pick(random, 1, 50), .n = pick(random, 1, 90), .k = pick(random, 1, 70)};
    if (i % 4 == 0) p.n = 1024, p.k += 24;  // rows share sets of the cache
    p.transposed_a = true;
    p.transposed_b = pick(random, 0, 1);
    MatMulSpec spec = spec_of(p);
    spec.results = 2;
    const MatMulPlan plan = plan_matmul(spec, isa);
    const auto a = random_values<float>(static_cast<size_t>(p.m * p.k), random);
    const auto b = random_values<float>(static_cast<size_t>(p.k * p.n), random);
    std::vector<float> c(static_cast<size_t>(p.m * p.n), kOld);
    JitKernel kernel(GetParam(), [&](const KernelBody& body) {
      const KernelOperands operands = body.operands();
      emit_matmul(body.builder, spec, plan, isa, operands, [&](EpilogueContext& context) {
        llvm::IRBuilderBase& builder = context.builder;
        Value* place = builder.CreateGEP(builder.getFloatTy(), operands.output, context.offset);
        return builder.CreateFAdd(context.value, load_lanes(builder, context.value->getType(), place, context.mask));
      });
    });
    const auto [tasks, bytes] = evaluate_sizes({}, [&](const KernelBody& body) {
      return std::pair(emit_matmul_tasks(body.builder, spec, plan), emit_matmul_scratch(body.builder, spec, plan));
    });
    run_guarded<float>(kernel.function(), {&a, &b}, c, {}, tasks, bytes);
    for (float& value : c) value = (value - kOld) / 2;  // it ran twice
    expect_product(p, a, b, c);
  }
}

// out += sum, in place and in 32-bit integers.
TEST_P(Contraction, EpilogueSeesPlaceMaskAndOldOutput) {
  constexpr int64_t kPixels = 23, kChannels = 5, kOutputs = 37;
  VectorIsa isa = isa_of(GetParam());
  Problem p{.channels = kChannels, .outputs = kOutputs, .input = {1, 1, kPixels}};
  ConvolutionSpec spec = spec_of(p);
  ContractionPlan plan = plan_convolution(spec, isa);
  JitKernel kernel(GetParam(), [&](const KernelBody& body) {
    KernelOperands operands = body.operands();
    emit_convolution(body.builder, spec, plan, isa, operands, [&](EpilogueContext& context) {
      llvm::IRBuilderBase& b = context.builder;
      auto* type = llvm::FixedVectorType::get(b.getInt32Ty(), context.lanes);
      Value* index = b.CreateAdd(b.CreateMul(context.pixel, b.getInt64(kOutputs)), context.channel);
      Value* place = b.CreateGEP(b.getInt32Ty(), operands.output, index);
      Value* mask = context.mask ? context.mask
                                 : llvm::Constant::getAllOnesValue(
                                       llvm::FixedVectorType::get(b.getInt1Ty(), context.lanes));
      Value* old =
          b.CreateMaskedLoad(type, place, llvm::Align(4), mask, llvm::Constant::getNullValue(type));
      return b.CreateAdd(b.CreateFPToSI(context.value, type), old);
    });
  });
  std::vector<float> input(kPixels * kChannels, 1), weights(kOutputs * kChannels),
      packed(packed_weights_size(spec, plan));
  for (int64_t i = 0; i < kOutputs * kChannels; ++i) weights[i] = float(i / kChannels);
  pack_weights(spec, plan, weights.data(), packed.data());
  std::vector<int32_t> output(kPixels * kOutputs);
  for (size_t i = 0; i < output.size(); ++i) output[i] = int(i) * 1000;
  auto tasks = evaluate_sizes({}, [&](const KernelBody& body) {
                 Value* count = emit_convolution_tasks(body.builder, spec, plan);
                 return std::pair(count, emit_convolution_scratch(body.builder, spec, plan));
               }).first;
  void* args[] = {input.data(), packed.data(), output.data()};
  run_tasks(kernel.function(), args, nullptr, tasks, nullptr);
  for (int64_t i = 0; i < kPixels * kOutputs; ++i)
    ASSERT_EQ(output[i], i * 1000 + i % kOutputs * kChannels) << i;
}

INSTANTIATE_TEST_SUITE_P(Targets, Contraction,
                         testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4"),
                         [](const auto& info) { return "v" + info.param.substr(8); });

}  // namespace
}  // namespace cnnc::codegen
