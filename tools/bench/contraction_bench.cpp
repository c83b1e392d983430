// Generated contraction kernels next to oneDNN: GFLOP/s, fraction of the measured peak, compile
// time.
//
//   contraction_bench [name filter [cpu]]
//
// `cpu` is x86-64-v2, v3 or v4 (ONEDNN_MAX_CPU_ISA limits oneDNN); else this machine's.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dnnl.hpp>
#include <string>
#include <vector>

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/tile.h"
#include "tests/codegen/kernel_jit.h"

namespace cnnc::codegen {
namespace {

struct Case {
  const char* name;
  int64_t channels, outputs, image, kernel, stride;
  int64_t groups = 1;
  bool planar = false;
};

struct MatMulCase {
  const char* name;
  int64_t m, n, k, batch = 1;
  bool transposed = false;
};

const Case kConvolutions[] = {
    {"resnet conv1 7x7/2 3@224", 3, 64, 224, 7, 2, 1, true},
    {"resnet 1x1 64-64@56", 64, 64, 56, 1, 1},
    {"resnet 3x3 64@56", 64, 64, 56, 3, 1},
    {"resnet 1x1 64-256@56", 64, 256, 56, 1, 1},
    {"resnet 1x1 256-64@56", 256, 64, 56, 1, 1},
    {"resnet 1x1 256-128@56", 256, 128, 56, 1, 1},
    {"resnet 3x3/2 128@56", 128, 128, 56, 3, 2},
    {"resnet 1x1/2 256-512@56", 256, 512, 56, 1, 2},
    {"resnet 1x1 128-512@28", 128, 512, 28, 1, 1},
    {"resnet 1x1 512-128@28", 512, 128, 28, 1, 1},
    {"resnet 3x3 128@28", 128, 128, 28, 3, 1},
    {"resnet 1x1 512-256@28", 512, 256, 28, 1, 1},
    {"resnet 3x3/2 256@28", 256, 256, 28, 3, 2},
    {"resnet 1x1/2 512-1024@28", 512, 1024, 28, 1, 2},
    {"resnet 1x1 256-1024@14", 256, 1024, 14, 1, 1},
    {"resnet 1x1 1024-256@14", 1024, 256, 14, 1, 1},
    {"resnet 3x3 256@14", 256, 256, 14, 3, 1},
    {"resnet 1x1 1024-512@14", 1024, 512, 14, 1, 1},
    {"resnet 3x3/2 512@14", 512, 512, 14, 3, 2},
    {"resnet 1x1/2 1024-2048@14", 1024, 2048, 14, 1, 2},
    {"resnet 1x1 512-2048@7", 512, 2048, 7, 1, 1},
    {"resnet 1x1 2048-512@7", 2048, 512, 7, 1, 1},
    {"resnet 3x3 512@7", 512, 512, 7, 3, 1},
    {"vgg 3x3 3-64@224", 3, 64, 224, 3, 1, 1, true},
    {"vgg 3x3 64@224", 64, 64, 224, 3, 1},
    {"vgg 3x3 128@112", 128, 128, 112, 3, 1},
    {"vgg 3x3 512@14", 512, 512, 14, 3, 1},
    {"squeezenet 1x1 64-16@55", 64, 16, 55, 1, 1},
    {"squeezenet 3x3 16-64@55", 16, 64, 55, 3, 1},
    {"mobilenet 3x3/2 3-32@224", 3, 32, 224, 3, 2, 1, true},
    {"mobilenet 1x1 32-16@112", 32, 16, 112, 1, 1},
    {"mobilenet 1x1 16-96@112", 16, 96, 112, 1, 1},
    {"mobilenet 1x1 24-144@56", 24, 144, 56, 1, 1},
    {"mobilenet 1x1 144-24@56", 144, 24, 56, 1, 1},
    {"mobilenet 1x1 32-192@28", 32, 192, 28, 1, 1},
    {"mobilenet 1x1 64-384@14", 64, 384, 14, 1, 1},
    {"mobilenet 1x1 576-96@14", 576, 96, 14, 1, 1},
    {"mobilenet 1x1 160-960@7", 160, 960, 7, 1, 1},
    {"mobilenet 1x1 320-1280@7", 320, 1280, 7, 1, 1},
    {"resnext 3x3 g32 128@56", 128, 128, 56, 3, 1, 32},
    {"resnext 3x3 g32 256@28", 256, 256, 28, 3, 1, 32},
    {"shufflenet 1x1 g3 240@28", 240, 240, 28, 1, 1, 3},
    {"depthwise 3x3 32@112", 32, 32, 112, 3, 1, 32},
    {"depthwise 3x3/2 96@112", 96, 96, 112, 3, 2, 96},
    {"depthwise 3x3 144@56", 144, 144, 56, 3, 1, 144},
    {"depthwise 3x3/2 144@56", 144, 144, 56, 3, 2, 144},
    {"depthwise 3x3 192@28", 192, 192, 28, 3, 1, 192},
    {"depthwise 3x3 384@14", 384, 384, 14, 3, 1, 384},
    {"depthwise 3x3/2 576@14", 576, 576, 14, 3, 2, 576},
    {"depthwise 3x3 960@7", 960, 960, 7, 3, 1, 960},
    {"depthwise 5x5 672@14", 672, 672, 14, 5, 1, 672},
    {"depthwise 7x7 96@56", 96, 96, 56, 7, 1, 96},
    {"fc 1x4096x4096", 4096, 4096, 1, 1, 1},
    {"fc 1x2048x1000", 2048, 1000, 1, 1, 1},
    {"fc 1x784x128", 784, 128, 1, 1, 1},
};

// Rows of pixels: a product with constant weights is a 1x1 convolution over one row.
const MatMulCase kConstantProducts[] = {
    {"bert 128x768x768", 128, 768, 768},   {"bert 128x3072x768", 128, 3072, 768},
    {"bert 128x768x3072", 128, 768, 3072}, {"vit 197x768x768", 197, 768, 768},
    {"vit 197x3072x768", 197, 3072, 768},  {"vit 197x768x3072", 197, 768, 3072},
    {"gemm 512x512x512", 512, 512, 512},   {"gemm 1024x1024x1024", 1024, 1024, 1024},
    {"mlp 32x128x784", 32, 128, 784},      {"mlp 32x16x128", 32, 16, 128},
};

const MatMulCase kProducts[] = {
    {"vit QK 12x197x197x64", 197, 197, 64, 12, true},
    {"vit PV 12x197x64x197", 197, 64, 197, 12},
    {"bert QK 12x128x128x64", 128, 128, 64, 12, true},
    {"bert PV 12x128x64x128", 128, 64, 128, 12},
    {"dynamic 512x512x512", 512, 512, 512},
    {"dynamic 1x1024x1024", 1, 1024, 1024},
    {"dense 32x128x784", 32, 128, 784},
    {"dense transposed 32x128x784", 32, 128, 784, 1, true},
    {"dense transposed 32x64x4096", 32, 64, 4096, 1, true},
    {"dense transposed 32x128x2048", 32, 128, 2048, 1, true},
    {"dense transposed 128x128x784", 128, 128, 784, 1, true},
};

// Processor time of this thread, which other programs disturb less than the time of day.
double thread_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string target = "native";

template <typename F>
double seconds_of(const F& run) {
  auto once = [&](int64_t repeat) {
    double start = thread_seconds();
    for (int64_t i = 0; i < repeat; ++i) run();
    return (thread_seconds() - start) / static_cast<double>(repeat);
  };
  once(1);
  auto repeat = static_cast<int64_t>(std::clamp(0.01 / std::max(once(2), 1e-8), 1.0, 1e5));
  double best = INFINITY;
  for (int i = 0; i < 7; ++i) best = std::min(best, once(repeat));
  return best;
}

// Chains of independent multiplications in registers.
double measure_peak(const VectorIsa& isa) {
  constexpr int kChains = 12;
  constexpr int64_t kTurns = 1000000;
  JitKernel kernel(target, [&](const KernelBody& body) {
    llvm::IRBuilderBase& b = body.builder;
    auto* vector = llvm::FixedVectorType::get(b.getFloatTy(), isa.f32_lanes);
    llvm::Value* x = b.CreateLoad(vector, body.argument(0));
    Values sums(kChains, x);
    sums = emit_loop(b, b.getInt64(0), b.getInt64(kTurns), 1, sums,
                     [&](llvm::Value*, const Values& now) {
                       Values next;
                       for (llvm::Value* sum : now) next.push_back(multiply_add(b, isa, x, x, sum));
                       return next;
                     });
    for (llvm::Value* sum : sums) x = b.CreateFAdd(x, sum);
    b.CreateStore(x, body.argument(0));
  });
  alignas(64) float memory[16] = {};
  void* args[] = {memory};
  double seconds = seconds_of([&] { kernel.function()(args, nullptr, 0, 0, nullptr); });
  return 2.0 * kChains * isa.f32_lanes * kTurns / seconds;
}

float* buffer(int64_t count) {
  auto* memory =
      static_cast<float*>(std::aligned_alloc(64, (count * sizeof(float) + 127) / 64 * 64));
  for (int64_t i = 0; i < count; ++i) memory[i] = 0.25f * static_cast<float>(i % 7 - 3);
  return memory;
}

int64_t number(llvm::Value* value) { return *constant_of(value); }

struct Measurement {
  double seconds = 0;
  double compile_seconds = 0;
  std::string shape;
};

ConvolutionSpec spec_of(const Case& c) {
  ConvolutionSpec spec;
  int64_t pad = c.kernel / 2, out = (c.image + 2 * pad - c.kernel) / c.stride + 1;
  spec.groups = c.groups;
  spec.channels = c.channels;
  spec.output_channels = c.outputs;
  spec.channel_stride = c.planar ? c.image * c.image : 1;
  int64_t pixel = c.planar ? 1 : c.channels;
  spec.axes[1] = {c.image, out, c.kernel, c.stride, 1, pad, pad, pixel * c.image, c.outputs * out};
  spec.axes[2] = {c.image, out, c.kernel, c.stride, 1, pad, pad, pixel, c.outputs};
  return spec;
}

ConvolutionSpec spec_of(const MatMulCase& c) {
  ConvolutionSpec spec;
  spec.channels = c.k;
  spec.output_channels = c.n;
  spec.axes[2] = {c.m, c.m, 1, 1, 1, 0, 0, c.k, c.n};
  return spec;
}

int64_t pixels(const ConvolutionSpec& spec, bool output) {
  int64_t count = 1;
  for (const SpatialAxis& a : spec.axes) count *= (output ? a.output : a.input).constant();
  return count;
}

double flops(const ConvolutionSpec& spec) {
  return 2.0 * static_cast<double>(pixels(spec, true) * spec.output_channels * spec.channels /
                                   spec.groups * spec.axes[1].kernel * spec.axes[2].kernel);
}

Measurement run_kernel(const JitKernel& kernel, int64_t tasks, int64_t scratch_bytes,
                       std::vector<void*> args, std::string shape) {
  float* scratch = buffer(scratch_bytes / 4 + 16);
  Measurement result;
  result.compile_seconds = kernel.compile_seconds();
  result.shape = std::move(shape) + " " + std::to_string(tasks) + " tasks";
  result.seconds = seconds_of([&] { kernel.function()(args.data(), nullptr, 0, tasks, scratch); });
  for (void* memory : args) std::free(memory);
  std::free(scratch);
  return result;
}

Measurement run_convolution(const ConvolutionSpec& spec, const VectorIsa& isa) {
  ContractionPlan plan = plan_convolution(spec, isa);
  int64_t tasks = 0, scratch = 0;
  JitKernel kernel(target, [&](const KernelBody& body) {
    tasks = number(emit_convolution_tasks(body.builder, spec, plan));
    scratch = number(emit_convolution_scratch(body.builder, spec, plan));
    emit_convolution(body.builder, spec, plan, isa, body.operands());
  });
  return run_kernel(
      kernel, tasks, scratch,
      {buffer(pixels(spec, false) * spec.channels), buffer(packed_weights_size(spec, plan)),
       buffer(pixels(spec, true) * spec.output_channels)},
      std::to_string(plan.width) + "x" + std::to_string(plan.vectors) + (plan.flat ? " flat" : "") +
          (plan.staged ? " staged" : ""));
}

Measurement run_depthwise(const ConvolutionSpec& spec, const VectorIsa& isa) {
  DepthwisePlan plan = plan_depthwise(spec, isa);
  int64_t tasks = 0;
  JitKernel kernel(target, [&](const KernelBody& body) {
    tasks = number(emit_depthwise_tasks(body.builder, spec, plan));
    emit_depthwise(body.builder, spec, plan, isa, body.operands());
  });
  return run_kernel(
      kernel, tasks, 0,
      {buffer(pixels(spec, false) * spec.channels), buffer(packed_depthwise_size(spec, plan)),
       buffer(pixels(spec, true) * spec.output_channels)},
      "depthwise " + std::to_string(plan.width));
}

Measurement run_matmul(const MatMulCase& c, const VectorIsa& isa) {
  MatMulSpec spec;
  spec.batch = {{c.batch, c.m * c.k, c.k * c.n, c.m * c.n}};
  spec.m = c.m;
  spec.n = c.n;
  spec.k = c.k;
  spec.a_row_stride = c.k;
  spec.b_row_stride = c.transposed ? 1 : c.n;
  spec.b_column_stride = c.transposed ? c.k : 1;
  spec.output_row_stride = c.n;
  MatMulPlan plan = plan_matmul(spec, isa);
  int64_t tasks = 0, scratch = 0;
  JitKernel kernel(target, [&](const KernelBody& body) {
    tasks = number(emit_matmul_tasks(body.builder, spec, plan));
    scratch = number(emit_matmul_scratch(body.builder, spec, plan));
    emit_matmul(body.builder, spec, plan, isa, body.operands());
  });
  return run_kernel(
      kernel, tasks, scratch,
      {buffer(c.batch * c.m * c.k), buffer(c.batch * c.k * c.n), buffer(c.batch * c.m * c.n)},
      std::to_string(plan.width) + "x" + std::to_string(plan.vectors) +
          (plan.packed ? " packed" : ""));
}

using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

template <typename Primitive>
double run_dnnl(const dnnl::engine& engine, const typename Primitive::primitive_desc& desc) {
  dnnl::stream stream(engine);
  dnnl::memory src(desc.src_desc(), engine), weights(desc.weights_desc(), engine),
      dst(desc.dst_desc(), engine);
  for (auto* memory : {&src, &weights, &dst})
    std::memset(memory->get_data_handle(), 0, memory->get_desc().get_size());
  Primitive primitive(desc);
  std::unordered_map<int, dnnl::memory> args{
      {DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, dst}};
  return seconds_of([&] {
    primitive.execute(stream, args);
    stream.wait();
  });
}

double run_dnnl(const dnnl::engine& engine, const Case& c) {
  int64_t pad = c.kernel / 2, out = (c.image + 2 * pad - c.kernel) / c.stride + 1;
  dnnl::memory::dims weights = {c.outputs, c.channels, c.kernel, c.kernel};
  if (c.groups > 1)
    weights = {c.groups, c.outputs / c.groups, c.channels / c.groups, c.kernel, c.kernel};
  dnnl::convolution_forward::primitive_desc desc(
      engine, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      {{1, c.channels, c.image, c.image}, kF32, Tag::any}, {weights, kF32, Tag::any},
      {{1, c.outputs, out, out}, kF32, Tag::any}, {c.stride, c.stride}, {pad, pad}, {pad, pad});
  return run_dnnl<dnnl::convolution_forward>(engine, desc);
}

double run_dnnl(const dnnl::engine& engine, const MatMulCase& c, bool constant) {
  Tag weights = constant ? Tag::any : c.transposed ? Tag::acb : Tag::abc;
  dnnl::matmul::primitive_desc desc(engine, {{c.batch, c.m, c.k}, kF32, Tag::abc},
                                    {{c.batch, c.k, c.n}, kF32, weights},
                                    {{c.batch, c.m, c.n}, kF32, Tag::abc});
  return run_dnnl<dnnl::matmul>(engine, desc);
}

struct Report {
  double peak;
  double log_ratio = 0;
  int count = 0;

  void line(const char* name, double operations, const Measurement& ours, double theirs) {
    std::printf("%-28s %7.1f GF/s %4.0f%%  onednn %7.1f %4.0f%%  ratio %5.2f  %6.1f ms  %s\n", name,
                operations / ours.seconds * 1e-9, 100 * operations / ours.seconds / peak,
                operations / theirs * 1e-9, 100 * operations / theirs / peak, theirs / ours.seconds,
                ours.compile_seconds * 1e3, ours.shape.c_str());
    std::fflush(stdout);
    log_ratio += std::log(theirs / ours.seconds);
    ++count;
  }
};

void run_all(const char* filter) {
  VectorIsa isa = isa_of(target != "native"         ? target
                         : machine_has("x86-64-v4") ? "x86-64-v4"
                                                    : "x86-64-v3");
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  Report report{measure_peak(isa)};
  std::printf("peak %.1f GF/s\n", report.peak * 1e-9);
  auto wanted = [&](const char* name) { return std::strstr(name, filter) != nullptr; };
  for (const Case& c : kConvolutions) {
    if (!wanted(c.name)) continue;
    ConvolutionSpec spec = spec_of(c);
    bool depthwise = c.groups > 1 && !depthwise_refusal(spec);
    report.line(c.name, flops(spec),
                depthwise ? run_depthwise(spec, isa) : run_convolution(spec, isa),
                run_dnnl(engine, c));
  }
  for (const MatMulCase& c : kConstantProducts)
    if (wanted(c.name))
      report.line(c.name, flops(spec_of(c)), run_convolution(spec_of(c), isa),
                  run_dnnl(engine, c, true));
  for (const MatMulCase& c : kProducts)
    if (wanted(c.name))
      report.line(c.name, 2.0 * static_cast<double>(c.batch * c.m * c.n * c.k), run_matmul(c, isa),
                  run_dnnl(engine, c, false));
  std::printf("geometric mean of the ratios: %.3f\n", std::exp(report.log_ratio / report.count));
}

}  // namespace
}  // namespace cnnc::codegen

int main(int argc, char** argv) {
  // OpenMP reads this when the program is loaded.
  if (!getenv("OMP_NUM_THREADS")) {
    setenv("OMP_NUM_THREADS", "1", 1);
    execv("/proc/self/exe", argv);
  }
  if (argc > 2) cnnc::codegen::target = argv[2];
  cnnc::codegen::run_all(argc > 1 ? argv[1] : "");
}
