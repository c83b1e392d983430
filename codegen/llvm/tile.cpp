#include "codegen/llvm/tile.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <bit>

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

void set_kernel_attributes(llvm::Function& function) {
  function.addFnAttr("prefer-vector-width", "512");
  function.addFnAttr("tune-cpu", "sapphirerapids");
}

llvm::Type* element_type(IRBuilderBase& b, FloatType type) {
  return type == FloatType::f32 ? b.getFloatTy() : b.getDoubleTy();
}

int element_size(FloatType type) { return type == FloatType::f32 ? 4 : 8; }

int lanes_of(const VectorIsa& isa, FloatType type) {
  return type == FloatType::f32 ? isa.f32_lanes : isa.f32_lanes / 2;
}

Value* multiply_add(IRBuilderBase& b, const VectorIsa& isa, Value* x, Value* y, Value* sum) {
  if (!isa.fma) return b.CreateFAdd(b.CreateFMul(x, y), sum);
  return b.CreateIntrinsic(llvm::Intrinsic::fma, {sum->getType()}, {x, y, sum});
}

Value* load_lanes(IRBuilderBase& b, llvm::Type* vector, Value* pointer, Value* mask) {
  llvm::Align align(vector->getScalarSizeInBits() / 8);
  if (!mask) return b.CreateAlignedLoad(vector, pointer, align);
  return b.CreateMaskedLoad(vector, pointer, align, mask, llvm::Constant::getNullValue(vector));
}

Value* panel_mask(IRBuilderBase& b, int lanes, int vectors, int64_t outputs, Value* first, int vector) {
  const int64_t nr = int64_t{lanes} * vectors, in_last_panel = (outputs - 1) % nr + 1;
  if (in_last_panel >= int64_t{vector + 1} * lanes) return nullptr;
  return lane_mask(b, lanes, sub(b, b.getInt64(outputs - int64_t{vector} * lanes), first));
}

void store_lanes(IRBuilderBase& b, Value* value, Value* pointer, Value* mask) {
  llvm::Align align(std::max(1u, value->getType()->getScalarSizeInBits() / 8));
  if (mask)
    b.CreateMaskedStore(value, pointer, align, mask);
  else
    b.CreateAlignedStore(value, pointer, align);
}

Value* hide_from_loop_passes(IRBuilderBase& b, Value* value) {
  return llvm::isa<llvm::Instruction>(value) ? b.CreateFreeze(value) : value;
}

void emit_prefetch(IRBuilderBase& b, Value* pointer, bool write, int locality) {
  b.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer->getType()},
                    {pointer, b.getInt32(write), b.getInt32(locality), b.getInt32(1)});
}

int reduction_unroll(int multiplications_per_step) {
  constexpr int kMultiplicationsPerTurn = 56;
  return std::clamp(kMultiplicationsPerTurn / multiplications_per_step, 1, 8);
}

namespace {

class TileEmitter {
 public:
  TileEmitter(IRBuilderBase& b, const VectorIsa& isa, const Tile& tile, llvm::Type* vector)
      : b_(b), isa_(isa), tile_(tile), vector_(vector), element_(vector->getScalarType()) {}

  // Between the loops the places of the prefetch streams are carried behind the sums.
  Values taps(Values carried) {
    const Tile& t = tile_;
    for (const PrefetchStream& stream : t.prefetch) carried.push_back(stream.start);
    carried = emit_loop(b_, t.depth_taps.begin, t.depth_taps.end, 1, carried,
                        [&](Value* kd, const Values& depth_sums) {
                          return emit_loop(b_, t.height_taps.begin, t.height_taps.end, 1,
                                           depth_sums, [&](Value* kh, const Values& row_sums) {
                                             return tap_row(kd, kh, row_sums);
                                           });
                        });
    carried.truncate(sum_count());
    return carried;
  }

 private:
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  size_t sum_count() const { return size_t(tile_.width) * tile_.vectors; }

  Values tap_row(Value* kd, Value* kh, Values sums) {
    Value* input = at(
        tile_.input, add(b_, mul(b_, kd, tile_.tap_strides[0]), mul(b_, kh, tile_.tap_strides[1])));
    int64_t columns = tile_.columns.size();
    Value* tap = add(b_, mul(b_, kd, tile_.weight_strides[0]), mul(b_, kh, tile_.weight_strides[1]));
    input = hide_from_loop_passes(b_, input);
    Value* weights = hide_from_loop_passes(b_, at(tile_.weights, tap));
    for (int64_t first = 0, last; first < columns; first = last) {
      for (last = first + 1; last < columns && tile_.columns[last] == tile_.columns[first];) ++last;
      sums = equal_columns(input, weights, first, last, sums);
    }
    return sums;
  }

  // The channels of neighbouring columns form one run, so that one loop serves for them.
  bool columns_are_contiguous() const {
    return spans(tile_.channel_stride, tile_.tap_strides[2]) &&
           spans(tile_.step_stride, tile_.weight_strides[2]);
  }

  // The input of a column by an address that no optimisation sees through. Where windows overlap, all input that columns
  // share would else be kept in registers, which the sums need; multiplications load it as fast from memory.
  Value* apart_from_other_columns(Value* pointer) {
    if (tile_.columns.size() == 1 || llvm::isa<llvm::Argument>(pointer)) return pointer;
    auto* type = llvm::FunctionType::get(b_.getPtrTy(), {b_.getPtrTy()}, false);
    return b_.CreateCall(type, llvm::InlineAsm::get(type, "", "=r,0", false), {pointer});
  }

  // Whether all channels of a column, `stride` apart, end where the next column begins.
  bool spans(const Value* stride, const Value* column) const {
    auto channels = constant_of(tile_.channels), s = constant_of(stride), c = constant_of(column);
    return channels && s && c && *channels * *s == *c;
  }

  // Columns [first, last) of the kernel, which see the same pixels.
  Values equal_columns(Value* input, Value* weights, int64_t first, int64_t last,
                       const Values& sums) {
    uint64_t pixels = tile_.columns[first];
    if (pixels == 0) return sums;
    auto columns = [&](Value* kw, int64_t count, const Values& carried) {
      return reduce(apart_from_other_columns(at(input, mul(b_, kw, tile_.tap_strides[2]))),
                    at(weights, mul(b_, kw, tile_.weight_strides[2])), mul(b_, tile_.channels, count), pixels,
                    carried);
    };
    if (last - first == 1 || columns_are_contiguous())
      return columns(b_.getInt64(first), last - first, sums);
    return emit_loop(b_, b_.getInt64(first), b_.getInt64(last), 1, sums,
                     [&](Value* kw, const Values& carried) { return columns(kw, 1, carried); });
  }

  // sums += input[0 .. count) * weights[0 .. count) for the given pixels. Few sums are split, step
  // by step, over several sets of registers, to cover the latency of the multiplication.
  Values reduce(Value* input, Value* weights, Value* count, uint64_t pixels, const Values& sums) {
    constexpr int kSumsInFlight = 10;
    constexpr int kStraightCode = 128;
    int products = std::popcount(pixels) * tile_.vectors;
    int unroll = reduction_unroll(products);
    auto steps = constant_of(count);
    if (steps && *steps * products <= kStraightCode)
      unroll = std::max(1, static_cast<int>(*steps));
    else if (steps)
      while (*steps % unroll) --unroll;
    int sets = std::min(unroll, (kSumsInFlight + products - 1) / products);
    if (steps) sets = static_cast<int>(std::clamp<int64_t>(*steps, 1, sets));
    Values carried(sums.begin(), sums.begin() + sum_count());
    for (int set = 1; set < sets; ++set)
      carried.append(sum_count(), llvm::Constant::getNullValue(vector_));
    carried.push_back(input);
    carried.push_back(weights);
    carried.append(sums.begin() + sum_count(), sums.end());
    if (tile_.interleaved.portions > 0) {
      carried = interleaved_steps(*steps / tile_.interleaved.portions, pixels, sets, carried);
      count = b_.getInt64(*steps % tile_.interleaved.portions);
      unroll = sets;
    }
    return sum_of_sets(step_loop(count, unroll, pixels, sets, carried), sets);
  }

  // So many steps before every portion of the other work.
  Values interleaved_steps(int64_t steps, uint64_t pixels, int sets, Values carried) {
    int unroll = static_cast<int>(std::min<int64_t>(steps, reduction_unroll(std::popcount(pixels) * tile_.vectors)));
    return emit_loop(b_, b_.getInt64(0), b_.getInt64(tile_.interleaved.portions), 1, carried, [&](Value* portion, const Values& now) {
      Values next = step_loop(b_.getInt64(steps), unroll, pixels, sets, now);
      tile_.interleaved.emit(portion);
      return next;
    });
  }

  Values step_loop(Value* count, int unroll, uint64_t pixels, int sets, Values carried) {
    Value* whole = count;
    if (auto steps = constant_of(count))
      whole = b_.getInt64(*steps / unroll * unroll);
    else if (unroll > 1)
      whole = b_.CreateSub(count, b_.CreateURem(count, b_.getInt64(unroll)));
    carried = emit_loop(b_, b_.getInt64(0), whole, unroll, carried, [&](Value*, const Values& now) {
      return steps_of(unroll, pixels, sets, now);
    });
    if (unroll == 1 || whole == count) return carried;
    return emit_loop(b_, whole, count, 1, carried,
                     [&](Value*, const Values& now) { return steps_of(1, pixels, sets, now); });
  }

  Values steps_of(int steps, uint64_t pixels, int sets, Values carried) {
    size_t size = sum_count();
    Value*& input = carried[size * sets];
    Value*& weights = carried[size * sets + 1];
    for (int step = 0; step < steps; ++step)
      one_step(at(input, mul(b_, tile_.channel_stride, step)),
               at(weights, mul(b_, tile_.step_stride, step)), pixels,
               llvm::MutableArrayRef<Value*>(carried).slice(size * (step % sets), size));
    input = hide_from_loop_passes(b_, at(input, mul(b_, tile_.channel_stride, steps)));
    weights = hide_from_loop_passes(b_, at(weights, mul(b_, tile_.step_stride, steps)));
    for (size_t i = 0; i < tile_.prefetch.size(); ++i)
      advance(tile_.prefetch[i], carried[size * sets + 2 + i], steps);
    return carried;
  }

  // Fetches the lines that are due for `steps` steps.
  void advance(const PrefetchStream& stream, Value*& place, int steps) {
    constexpr int64_t kLine = 64;
    int64_t lines = std::max<int64_t>(1, (stream.bytes_per_step * steps + kLine - 1) / kLine);
    auto line = [&](int64_t i) { return b_.CreateConstGEP1_64(b_.getInt8Ty(), place, i * kLine); };
    for (int64_t i = 0; i < lines; ++i) emit_prefetch(b_, line(i), false, stream.locality);
    place = hide_from_loop_passes(b_, line(lines));
  }

  void one_step(Value* input, Value* weights, uint64_t pixels, llvm::MutableArrayRef<Value*> sums) {
    auto* type = llvm::cast<llvm::FixedVectorType>(vector_);
    Values row;
    for (int j = 0; j < tile_.vectors; ++j) {
      Value* mask = tile_.weight_masks.empty() ? nullptr : tile_.weight_masks[j];
      row.push_back(load_lanes(
          b_, type, at(weights, b_.getInt64(int64_t{j} * type->getNumElements())), mask));
    }
    for (int i = 0; i < tile_.width; ++i) {
      if (!(pixels >> i & 1)) continue;
      Value* element = b_.CreateLoad(element_, at(input, mul(b_, tile_.pixel_stride, i)));
      Value* splat = b_.CreateVectorSplat(type->getNumElements(), element);
      for (int j = 0; j < tile_.vectors; ++j) {
        Value*& sum = sums[i * tile_.vectors + j];
        sum = multiply_add(b_, isa_, splat, row[j], sum);
      }
    }
  }

  Values sum_of_sets(const Values& carried, int sets) {
    size_t size = sum_count();
    Values result(carried.begin(), carried.begin() + size);
    for (int set = 1; set < sets; ++set)
      for (size_t i = 0; i < size; ++i)
        result[i] = b_.CreateFAdd(result[i], carried[set * size + i]);
    result.append(carried.begin() + size * sets + 2, carried.end());
    return result;
  }

  IRBuilderBase& b_;
  const VectorIsa& isa_;
  const Tile& tile_;
  llvm::Type* vector_;
  llvm::Type* element_;
};

}  // namespace

Values emit_tile(IRBuilderBase& b, const VectorIsa& isa, const Tile& tile, const Values& sums) {
  return TileEmitter(b, isa, tile, sums.front()->getType()).taps(sums);
}

void emit_tile_stores(IRBuilderBase& b, int width, int vectors, const Values& sums,
                      const TileOutput& out, const Epilogue& epilogue) {
  int lanes = llvm::cast<llvm::FixedVectorType>(sums.front()->getType())->getNumElements();
  for (int i = 0; i < width; ++i) {
    const int64_t step = i * out.pixel_step;
    EpilogueContext context{b, out.batch, add(b, out.pixel, step), nullptr, lanes, nullptr, nullptr, nullptr};
    context.position = out.position;
    if (context.position[2]) context.position[2] = add(b, context.position[2], step);
    Value* offset = add(b, out.offset, mul(b, out.pixel_stride, i));
    for (int j = 0; j < vectors; ++j) {
      context.channel = add(b, out.channel, int64_t{j} * lanes);
      context.mask = out.masks.empty() ? nullptr : out.masks[j];
      context.value = sums[i * vectors + j];
      context.offset = add(b, offset, int64_t{j} * lanes);
      Value* value = epilogue ? epilogue(context) : context.value;
      Value* place = b.CreateGEP(value->getType()->getScalarType(), out.base, context.offset);
      store_lanes(b, value, place, context.mask);
    }
  }
}

}  // namespace cnnc::codegen
