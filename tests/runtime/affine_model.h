// A small model made by hand: t = x + w with x f32[batch, 3] and w constant, then y = 2 * t with
// the rows in reverse order.
#ifndef TESTS_RUNTIME_AFFINE_MODEL_H_
#define TESTS_RUNTIME_AFFINE_MODEL_H_

#include <cstring>
#include <vector>

#include "runtime/cnnc.h"
#include "runtime/model.h"
#include "runtime/program.h"

namespace cnnc {

// Value table: 0 batch, 1 three, 2 bytes of [batch, 3], 3 bytes of w, 4 flops.
inline void affine_sizes(const int64_t* symbols, int64_t* values) {
  values[0] = symbols[0];
  values[1] = 3;
  values[2] = symbols[0] * 12;
  values[3] = 12;
  values[4] = INT64_C(1) << 30; // so that steps are shared by the team
}

inline void add_rows(void* const* args, const int64_t*, int64_t begin, int64_t end, void*) {
  const float* x = static_cast<const float*>(args[0]);
  const float* w = static_cast<const float*>(args[1]);
  float* t = static_cast<float*>(args[2]);
  for (int64_t i = begin * 3; i < end * 3; ++i) t[i] = x[i] + w[i % 3];
}

inline void double_reversed_rows(void* const* args, const int64_t* sizes, int64_t begin,
                                 int64_t end, void* scratch) {
  const float* t = static_cast<const float*>(args[0]);
  float* y = static_cast<float*>(args[1]);
  float* row = static_cast<float*>(scratch);
  for (int64_t r = begin; r < end; ++r) {
    std::memcpy(row, t + (sizes[0] - 1 - r) * 3, 12); // other threads' rows: needs the barrier
    for (int64_t i = 0; i < 3; ++i) y[r * 3 + i] = 2 * row[i];
  }
}

inline ProgramTensor batch_of_three(const char* name) {
  return {name, CNNC_FLOAT, {{0, 0, "batch", -1}, {1, kNone, "3", 3}}};
}

inline Program affine_program() {
  Program program;
  program.value_count = 5;
  program.symbols = {{"batch", kNone}};
  program.inputs = {batch_of_three("x")};
  program.outputs = {batch_of_three("y")};
  program.buffers.resize(4);
  program.buffers[0] = {BufferKind::input, 2, 0, 0, 0, 0, 0};
  program.buffers[1] = {BufferKind::constant, 3, 0, 0, 0, 0, 0};
  program.buffers[2] = {BufferKind::arena, 2, 0, 1, 0, 0, 0};
  program.buffers[3] = {BufferKind::output, 2, 1, 1, 0, 0, 0};
  ProgramStep add;
  add.name = "add", add.kernel_name = "llvm:loops", add.sources = "Add_0";
  add.operands = {{0, kRead}, {1, kRead}, {2, kWrite}};
  add.tasks_value = 0, add.flops_value = 4;
  ProgramStep twice;
  twice.name = "twice", twice.kernel_name = "llvm:loops", twice.sources = "Mul_1\nMul_2";
  twice.kernel = 1;
  twice.operands = {{2, kRead}, {3, kWrite}};
  twice.sizes = {0};
  twice.tasks_value = 0, twice.scratch_value = 3, twice.flops_value = 4;
  program.steps = {add, twice};
  return program;
}

struct AffineModel {
  explicit AffineModel(const Program& program = affine_program()) : plan(serialize(program)) {
    model = {CNNC_MODEL_MAGIC, CNNC_MODEL_ABI, 2,       plan.data(), plan.size(), kernels,
             nullptr,          0,              affine_sizes, weights,     sizeof weights, 0};
  }
  std::vector<uint8_t> plan;
  cnnc_kernel kernels[2] = {add_rows, double_reversed_rows};
  alignas(64) float weights[3] = {1, 2, 3};
  cnnc_model model;
};

inline cnnc_tensor_view rows(std::vector<float>& data) {
  cnnc_tensor_view view{};
  view.data = data.data();
  view.bytes = data.size() * sizeof(float);
  view.dtype = CNNC_FLOAT;
  view.rank = 2;
  view.dims[0] = static_cast<int64_t>(data.size() / 3);
  view.dims[1] = 3;
  return view;
}

} // namespace cnnc

#endif // TESTS_RUNTIME_AFFINE_MODEL_H_
