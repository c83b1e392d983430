// Convolutions to test kernels on: sizes, operands, and plain loops in double precision to compare with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>
#include <random>
#include <string>
#include <vector>

#include "tests/codegen/guarded_memory.h"
#include "tests/codegen/kernel_jit.h"

namespace cnnc::codegen {

using llvm::Value;

// A convolution with numbers for all sizes; tensors are dense, channels last unless `planar`.
struct Problem {
  int64_t batch = 1, groups = 1, channels = 1, outputs = 1;
  std::array<int64_t, 3> input{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1},
      pad_begin{0, 0, 0}, pad_end{0, 0, 0};
  bool planar = false;
  bool bias = false;
  FloatType type = FloatType::f32;

  int64_t output(int i) const {
    return (input[i] + pad_begin[i] + pad_end[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] +
           1;
  }
  int64_t input_pixels() const { return input[0] * input[1] * input[2]; }
  int64_t output_pixels() const { return output(0) * output(1) * output(2); }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

inline std::string describe(const Problem& p) {
  std::string text = "batch " + std::to_string(p.batch) + " groups " + std::to_string(p.groups) +
                     " channels " + std::to_string(p.channels) + " outputs " +
                     std::to_string(p.outputs) + (p.planar ? " planar" : "");
  for (int i = 0; i < 3; ++i)
    text += " [" + std::to_string(p.input[i]) + " k" + std::to_string(p.kernel[i]) + " s" +
            std::to_string(p.stride[i]) + " d" + std::to_string(p.dilation[i]) + " p" +
            std::to_string(p.pad_begin[i]) + "," + std::to_string(p.pad_end[i]) + "]";
  return text;
}

inline ConvolutionSpec spec_of(const Problem& p) {
  ConvolutionSpec spec;
  spec.type = p.type;
  spec.batch = p.batch;
  spec.input_batch_stride = p.input_pixels() * p.channels;
  spec.output_batch_stride = p.output_pixels() * p.outputs;
  spec.groups = p.groups;
  spec.channels = p.channels;
  spec.output_channels = p.outputs;
  spec.channel_stride = p.planar ? p.input_pixels() : 1;
  int64_t in = p.planar ? 1 : p.channels, out = p.outputs;
  for (int i = 2; i >= 0; --i) {
    spec.axes[i] = {p.input[i],     p.output(i),  p.kernel[i], p.stride[i], p.dilation[i],
                    p.pad_begin[i], p.pad_end[i], in,          out};
    in *= p.input[i];
    out *= p.output(i);
  }
  return spec;
}

// Replaces some sizes by run-time sizes, and strides by products of them: bit 0 of `which` is the
// batch, bits 1 to 3 are the axes. (Their values are sizes 0, 1 to 3 for inputs, 4 to 6 for
// outputs.)
inline ConvolutionSpec symbolic(const ConvolutionSpec& spec, const Problem& p, int which,
                         const KernelBody* body) {
  auto size = [&](int i) { return body ? Size(body->size(i)) : Size::runtime(); };
  auto times = [&](const Size& x, const Size& y) -> Size {
    if (x.is_constant() && y.is_constant()) return x.constant() * y.constant();
    if (!body) return Size::runtime();
    return Size(body->builder.CreateMul(x.emit(body->builder), y.emit(body->builder)));
  };
  ConvolutionSpec result = spec;
  if (which & 1) result.batch = size(0);
  Size in = p.planar ? 1 : p.channels, out = p.outputs;
  for (int i = 2; i >= 0; --i) {
    SpatialAxis& axis = result.axes[i];
    if (which >> i & 2) axis.input = size(1 + i);
    if (which >> i & 2) axis.output = size(4 + i);
    axis.input_stride = in;
    axis.output_stride = out;
    in = times(in, axis.input);
    out = times(out, axis.output);
  }
  result.dense_pixels = which % 2;
  if (p.planar) result.channel_stride = in;
  result.input_batch_stride = p.planar ? times(in, p.channels) : in;
  result.output_batch_stride = out;
  return result;
}

inline std::vector<int64_t> sizes_of(const Problem& p) {
  return {p.batch, p.input[0], p.input[1], p.input[2], p.output(0), p.output(1), p.output(2)};
}

template <typename T>
std::vector<T> random_values(size_t count, std::mt19937& random) {
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(static_cast<int>(random() % 17) - 8) / T{8};
  return values;
}

template <typename T>
struct Tensors {
  std::vector<T> input, weights, bias, output;
};

template <typename T>
double reference_at(const Problem& p, const Tensors<T>& t, int64_t n, std::array<int64_t, 3> at,
                    int64_t o) {
  int64_t group_channels = p.channels / p.groups, group = o / (p.outputs / p.groups);
  double sum = p.bias ? t.bias[o] : 0;
  for (int64_t tap = 0; tap < p.taps(); ++tap) {
    std::array<int64_t, 3> k{tap / (p.kernel[1] * p.kernel[2]), tap / p.kernel[2] % p.kernel[1],
                             tap % p.kernel[2]};
    int64_t pixel = 0;
    bool inside = true;
    for (int i = 0; i < 3; ++i) {
      int64_t place = at[i] * p.stride[i] - p.pad_begin[i] + k[i] * p.dilation[i];
      inside = inside && place >= 0 && place < p.input[i];
      pixel = pixel * p.input[i] + place;
    }
    if (!inside) continue;
    for (int64_t c = 0; c < group_channels; ++c) {
      int64_t channel = group * group_channels + c;
      int64_t place = p.planar ? (n * p.channels + channel) * p.input_pixels() + pixel
                               : (n * p.input_pixels() + pixel) * p.channels + channel;
      sum += double(t.input[place]) * t.weights[(o * group_channels + c) * p.taps() + tap];
    }
  }
  return sum;
}

template <typename T>
void expect_reference(const Problem& p, const Tensors<T>& t) {
  const T* result = t.output.data();
  for (int64_t n = 0; n < p.batch; ++n)
    for (int64_t d = 0; d < p.output(0); ++d)
      for (int64_t h = 0; h < p.output(1); ++h)
        for (int64_t w = 0; w < p.output(2); ++w)
          for (int64_t o = 0; o < p.outputs; ++o, ++result) {
            double expected = reference_at(p, t, n, {d, h, w}, o);
            ASSERT_NEAR(*result, expected, 1e-4 * (1 + std::abs(expected)))
                << describe(p) << " at " << n << " " << d << " " << h << " " << w << " " << o;
          }
}

// Runs every task alone, last one first: tasks must not depend on each other.
inline void run_tasks(KernelFunction* kernel, void* const* args, const int64_t* sizes, int64_t tasks,
               void* scratch) {
  for (int64_t task = tasks; task-- > 0;) kernel(args, sizes, task, task + 1, scratch);
}

// Runs all tasks on copies of the operands that no kernel may reach beyond; copies the output back.
template <typename T>
void run_guarded(KernelFunction* kernel, const std::vector<const std::vector<T>*>& inputs,
                 std::vector<T>& output, const std::vector<int64_t>& sizes, int64_t tasks,
                 int64_t scratch_bytes) {
  for (bool at_end : {true, false}) {
    std::list<GuardedMemory> copies;
    std::vector<void*> args;
    auto guard = [&](const std::vector<T>& values) {
      args.push_back(copies.emplace_back(values.data(), values.size() * sizeof(T), at_end).data());
    };
    for (const auto* values : inputs) guard(*values);
    guard(output);
    std::rotate(args.begin() + 2, args.end() - 1, args.end());
    std::vector<char> zeros(scratch_bytes);
    GuardedMemory scratch(zeros.data(), scratch_bytes, at_end);
    run_tasks(kernel, args.data(), sizes.data(), tasks, scratch.data());
    std::memcpy(output.data(), args[2], output.size() * sizeof(T));
  }
}

// A kernel that stores the number of tasks and of scratch bytes into its first argument.
inline std::pair<int64_t, int64_t> evaluate_sizes(
    const std::vector<int64_t>& sizes,
    const std::function<std::pair<Value*, Value*>(const KernelBody&)>& emit) {
  JitKernel kernel("x86-64-v2", [&](const KernelBody& body) {
    auto [tasks, scratch] = emit(body);
    llvm::IRBuilderBase& b = body.builder;
    Value* out = body.argument(0);
    b.CreateStore(tasks, out);
    b.CreateStore(scratch, b.CreateConstGEP1_64(b.getInt64Ty(), out, 1));
  });
  int64_t result[2] = {0, 0};
  void* args[] = {result};
  kernel.function()(args, sizes.data(), 0, 0, nullptr);
  return {result[0], result[1]};
}

template <typename T>
Tensors<T> make_tensors(const Problem& p, std::mt19937& random) {
  Tensors<T> t;
  t.input = random_values<T>(p.batch * p.input_pixels() * p.channels, random);
  t.weights = random_values<T>(p.outputs * p.channels / p.groups * p.taps(), random);
  t.bias = random_values<T>(p.outputs, random);
  t.output.assign(p.batch * p.output_pixels() * p.outputs, T(NAN));
  return t;
}

inline int64_t pick(std::mt19937& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % (high - low + 1));
}

}  // namespace cnnc::codegen
