#include "ir/scalar_eval.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "ir/error.h"
#include "ir/lane_ops.h"

namespace cnnc {

// ---- compilation -----------------------------------------------------------------------------------------------------

ScalarProgram::ScalarProgram(const Scalars& results, const std::vector<const Tensor*>& operands,
                             const Symbols& symbols) {
  for (const Scalar& result : results) {
    visit(result, [&](const Scalar& expr) {
      if (!compiled_.count(expr.get())) compiled_[expr.get()] = compile(expr, operands, symbols);
    });
    results_.push_back(compiled_.at(result.get()));
  }
}

int ScalarProgram::new_register(DType dtype) {
  const size_t bytes = kLanes * std::max(size_of(dtype), sizeof(int64_t));
  void* lanes = std::aligned_alloc(64, bytes);
  if (lanes == nullptr) throw std::bad_alloc();
  std::memset(lanes, 0, bytes);
  registers_.emplace_back(lanes, std::free);
  return static_cast<int>(registers_.size()) - 1;
}

int ScalarProgram::register_of(std::map<int, int>& numbers, int number, DType dtype) {
  auto [it, added] = numbers.emplace(number, -1);
  if (added) it->second = new_register(dtype);
  return it->second;
}

int ScalarProgram::compile(const Scalar& expr, const std::vector<const Tensor*>& operands, const Symbols& symbols) {
  const int number = static_cast<int>(expr->integer);
  switch (expr.op()) {
    case ScalarOp::constant:
      return emit_constant(expr.dtype(), expr);
    case ScalarOp::size:
      return emit_constant(DType::i64, Scalar::i64(expr->dim.evaluate(symbols)));
    case ScalarOp::index:
      return register_of(indices_, number, DType::i64);
    case ScalarOp::param:
      return register_of(params_, number, expr.dtype());
    default:
      break;
  }
  std::vector<int> args;
  for (const Scalar& a : expr->args) args.push_back(compiled_.at(a.get()));
  if (expr.op() != ScalarOp::load) return emit_operator(expr, std::move(args));
  const Tensor* operand = static_cast<size_t>(number) < operands.size() ? operands[static_cast<size_t>(number)] : nullptr;
  CNNC_CHECK(operand != nullptr) << "a computation loads from operand " << number << ", which is absent";
  CNNC_CHECK(operand->dtype() == expr.dtype() && operand->shape().size() == args.size())
      << "operand " << number << " is loaded as " << name_of(expr.dtype()) << " with " << args.size() << " indices";
  const int result = emit(ScalarOp::load, DType::i64, expr.dtype(), std::move(args));
  code_.back().operand = operand;
  return result;
}

int ScalarProgram::emit_constant(DType dtype, const Scalar& constant) {
  Tensor lanes(dtype, {kLanes});
  for (int i = 0; i < kLanes && dtype != DType::string; ++i)  // a string constant is empty
    is_float(dtype) || is_complex(dtype) ? lanes.set_double(i, constant->number) : lanes.set_int(i, constant->integer);
  const int result = new_register(dtype);
  std::memcpy(registers_.back().get(), lanes.raw(), lanes.bytes());
  return result;
}

int ScalarProgram::emit(ScalarOp op, DType dtype, DType result_dtype, std::vector<int> args) {
  const int result = new_register(result_dtype);
  code_.push_back({op, dtype, result_dtype, result, std::move(args)});
  return result;
}

int ScalarProgram::emit_operator(const Scalar& expr, std::vector<int> args) {
  const DType dtype = expr->args.back().dtype();
  const bool moves = expr.op() == ScalarOp::cast || expr.op() == ScalarOp::bitcast || expr.op() == ScalarOp::select;
  if (moves || (dtype != DType::f16 && dtype != DType::bf16)) return emit(expr.op(), dtype, expr.dtype(), std::move(args));
  for (int& a : args) a = emit(ScalarOp::cast, dtype, DType::f32, {a});
  if (expr.dtype() != dtype) return emit(expr.op(), DType::f32, expr.dtype(), std::move(args));
  const int wide = emit(expr.op(), DType::f32, DType::f32, std::move(args));
  return emit(ScalarOp::cast, DType::f32, dtype, {wide});
}

// ---- running ---------------------------------------------------------------------------------------------------------

int64_t* ScalarProgram::index(int axis) {
  auto it = indices_.find(axis);
  return it == indices_.end() ? nullptr : static_cast<int64_t*>(registers_[static_cast<size_t>(it->second)].get());
}

void* ScalarProgram::param(int number) {
  auto it = params_.find(number);
  return it == params_.end() ? nullptr : registers_[static_cast<size_t>(it->second)].get();
}

void ScalarProgram::run(int lanes) {
  for (const Instruction& instruction : code_) {
    if (instruction.op == ScalarOp::load) {
      load(instruction, lanes);
      continue;
    }
    Lanes l;
    for (size_t i = 0; i < instruction.args.size(); ++i)
      l.args[i] = registers_[static_cast<size_t>(instruction.args[i])].get();
    l.result = registers_[static_cast<size_t>(instruction.result)].get();
    l.count = lanes;
    run_lanes(instruction.op, instruction.dtype, instruction.result_dtype, l);
  }
}

namespace {
// An element of 16 bytes, to be moved.
struct Wide {
  uint64_t words[2];
};

// Row-major positions of one load's points, and whether they lie inside of the operand.
struct Offsets {
  int64_t at[ScalarProgram::kLanes];
  uint64_t outside[ScalarProgram::kLanes];
  bool any_outside = false;
};
}  // namespace

// Positions outside become 0.
static void compute_offsets(const Shape& shape, const std::vector<const int64_t*>& indices, int lanes, Offsets& out) {
  std::fill_n(out.at, lanes, 0);
  std::fill_n(out.outside, lanes, 0);
  for (size_t a = 0; a < shape.size(); ++a) {
    const int64_t* index = indices[a];
    const int64_t size = shape[a];
    for (int i = 0; i < lanes; ++i) {
      // The sign bit of (index | size - 1 - index) tells an index out of [0, size).
      const auto u = static_cast<uint64_t>(index[i]);
      out.outside[i] |= u | (static_cast<uint64_t>(size - 1) - u);
      out.at[i] = static_cast<int64_t>(static_cast<uint64_t>(out.at[i]) * static_cast<uint64_t>(size) + u);
    }
  }
  uint64_t any = 0;
  for (int i = 0; i < lanes; ++i) any |= out.outside[i];
  out.any_outside = any >> 63 != 0;
  if (!out.any_outside) return;
  for (int i = 0; i < lanes; ++i)
    if (out.outside[i] >> 63) out.at[i] = 0;
}

template <typename T>
static void gather(const Tensor& operand, const Offsets& offsets, T poison, T* result, int lanes) {
  const T* data = operand.data<T>();
  if (operand.size() == 0) {
    std::fill_n(result, lanes, poison);
    return;
  }
  for (int i = 0; i < lanes; ++i) result[i] = data[offsets.at[i]];
  if (!offsets.any_outside) return;
  for (int i = 0; i < lanes; ++i)
    if (offsets.outside[i] >> 63) result[i] = poison;
}

void ScalarProgram::load(const Instruction& instruction, int lanes) {
  std::vector<const int64_t*> indices;
  for (int a : instruction.args)
    indices.push_back(static_cast<const int64_t*>(registers_[static_cast<size_t>(a)].get()));
  Offsets offsets;
  compute_offsets(instruction.operand->shape(), indices, lanes, offsets);
  void* result = registers_[static_cast<size_t>(instruction.result)].get();
  const Tensor& operand = *instruction.operand;
  switch (operand.dtype()) {
    case DType::f32:
      return gather<float>(operand, offsets, NAN, static_cast<float*>(result), lanes);
    case DType::f64:
      return gather<double>(operand, offsets, NAN, static_cast<double*>(result), lanes);
    case DType::f16:
    case DType::bf16: {
      const uint16_t nan = operand.dtype() == DType::f16 ? 0x7E00 : 0x7FC0;
      return gather<uint16_t>(operand, offsets, nan, static_cast<uint16_t*>(result), lanes);
    }
    default:
      break;
  }
  switch (size_of(operand.dtype())) {
    case 1:
      return gather<uint8_t>(operand, offsets, 0, static_cast<uint8_t*>(result), lanes);
    case 2:
      return gather<uint16_t>(operand, offsets, 0, static_cast<uint16_t*>(result), lanes);
    case 4:
      return gather<uint32_t>(operand, offsets, 0, static_cast<uint32_t*>(result), lanes);
    case 16:
      return gather<Wide>(operand, offsets, {}, static_cast<Wide*>(result), lanes);
    default:
      return gather<uint64_t>(operand, offsets, 0, static_cast<uint64_t*>(result), lanes);
  }
}

}  // namespace cnnc
