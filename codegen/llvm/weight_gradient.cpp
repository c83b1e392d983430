// The gradient of a convolution with respect to its weights, for channels-last data.
//
// It is a matrix product for each row of taps: [taps of a row, channels] of the input under the
// window, times [output channels] of dY, summed over all windows of all images. A tile of it stays
// in registers while a band of an image passes by, so that the band and its gradient are read from
// the first-level cache and only the result is added to in memory. A task is one tile. Images are added in order,
// so that the result does not depend on how tasks are divided.
#include "codegen/weight_gradient.h"

#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/tile.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

struct Axis {
  int64_t input = 1, output = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;

  // Size with its padding, as far as windows reach.
  int64_t padded() const { return (output - 1) * stride + (kernel - 1) * dilation + 1; }
  bool is_padded() const { return pad != 0 || padded() > input; }
};

struct Geometry {
  FloatType type;
  int64_t batch, channels, outputs;
  Axis height, width;

  bool is_padded() const { return height.is_padded() || width.is_padded(); }
  // Taps of a row of the kernel are neighbours in memory, if the kernel is not dilated.
  bool joins_columns() const { return width.dilation == 1; }
  int64_t rows() const { return joins_columns() ? width.kernel * channels : channels; }
  int64_t groups() const { return height.kernel * (joins_columns() ? 1 : width.kernel); }
  int64_t row_pitch() const { return (is_padded() ? width.padded() : width.input) * channels; }
};

Axis axis_of(const OpContext& c, int64_t i) {
  const auto k = static_cast<size_t>(i);
  const auto number = [&](const char* name, int64_t otherwise) {
    const Ints values = c.integers(name);
    return values.empty() ? otherwise : values[k];
  };
  return {c.dims(0)[k + 1].value(), c.dims(1)[k + 1].value(), c.integers("kernel_shape")[k],
          number("strides", 1),     number("dilations", 1),   number("pads", 0)};
}

Geometry geometry_of(const Node& node) {
  const OpContext c(node);
  const int64_t n = c.rank() - 2;
  Geometry g;
  g.type = c.dtype() == DType::f32 ? FloatType::f32 : FloatType::f64;
  g.batch = c.dims(0)[0].value();
  g.channels = c.dims(0).back().value();
  g.outputs = c.dims(1).back().value();
  if (n == 2) g.height = axis_of(c, 0);
  g.width = axis_of(c, n - 1);
  return g;
}

struct TilePlan {
  int lanes, vectors, width;
  int64_t row_tiles, panels;
  int64_t band;  // rows of windows that all tiles of a task range take before the next ones

  int64_t nr() const { return int64_t{lanes} * vectors; }
};

TilePlan plan_tiles(const Geometry& g, const VectorIsa& isa) {
  TilePlan plan;
  plan.lanes = lanes_of(isa, g.type);
  const int64_t vectors = (g.outputs + plan.lanes - 1) / plan.lanes;
  const TileShape tile = choose_tile(isa, plan.lanes, g.rows(), vectors,
                                     g.height.output * g.width.output, 28);
  plan.vectors = tile.vectors;
  plan.row_tiles = (g.rows() + tile.width - 1) / tile.width;
  plan.width = static_cast<int>((g.rows() + plan.row_tiles - 1) / plan.row_tiles);
  plan.panels = (g.outputs + plan.nr() - 1) / plan.nr();
  // What the rows read should stay in the first-level cache.
  constexpr int64_t kCacheShare = 24 << 10;
  const int64_t row_bytes = element_size(g.type) * (g.width.output * g.outputs +
                                                    g.height.stride * g.row_pitch());
  plan.band = std::min(g.height.output, std::max(kCacheShare / row_bytes,
                                                 (31 + g.width.output) / g.width.output));
  return plan;
}

class Emitter {
 public:
  Emitter(KernelContext& k, const Geometry& g, const TilePlan& plan)
      : k_(k),
        b_(k.builder),
        g_(g),
        plan_(plan),
        x_(k.operand(0)),
        dy_(k.operand(1)),
        element_(element_type(b_, g.type)),
        vector_(llvm::FixedVectorType::get(element_, static_cast<unsigned>(plan.lanes))) {}

  void emit() {
    if (g_.is_padded()) clear_staged();
    emit_loop(b_, number(0), number(g_.batch), 1, [&](Value* image) {
      Value* input = at(x_, mul(b_, image, g_.height.input * g_.width.input * g_.channels));
      if (g_.is_padded()) input = staged(input);
      emit_loop(b_, number(0), number(g_.height.output), plan_.band, [&](Value* band) {
        const Part part{image, input, band,
                        min(b_, add(b_, band, plan_.band), number(g_.height.output))};
        emit_loop(b_, k_.begin, k_.end, 1, [&](Value* task) { emit_task(part, task); });
      });
    });
  }

 private:
  // Rows [begin, end) of windows of one image.
  struct Part {
    Value *image, *input, *begin, *end;
  };

  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }
  Value* bytes(int64_t elements) { return number(elements * element_size(g_.type)); }

  void clear_staged() {
    b_.CreateMemSet(k_.scratch, b_.getInt8(0), bytes(g_.height.padded() * g_.row_pitch()),
                    llvm::MaybeAlign(64));
  }

  // The image amid zeros, which clear_staged() has put there.
  Value* staged(Value* image) {
    const Axis &h = g_.height, &w = g_.width;
    const int64_t rows = std::min(h.input, h.padded() - h.pad);
    const int64_t columns = std::min(w.input, w.padded() - w.pad);
    emit_loop(b_, number(0), number(rows), 1, [&](Value* row) {
      Value* to = add(b_, mul(b_, add(b_, row, h.pad), g_.row_pitch()), w.pad * g_.channels);
      b_.CreateMemCpy(at(k_.scratch, to), llvm::MaybeAlign(4),
                      at(image, mul(b_, row, w.input * g_.channels)), llvm::MaybeAlign(4),
                      bytes(columns * g_.channels));
    });
    return k_.scratch;
  }

  void emit_task(const Part& rows, Value* task) {
    const std::vector<Value*> part =
        unflatten(b_, task, {number(g_.groups()), number(plan_.row_tiles), number(plan_.panels)});
    Value* row = mul(b_, part[1], plan_.width);
    Value* column = mul(b_, part[2], plan_.nr());
    const int64_t rest = g_.rows() - (plan_.row_tiles - 1) * plan_.width;
    if (rest == plan_.width) return emit_tile(rows, part[0], row, column, plan_.width);
    Value* last = b_.CreateICmpEQ(part[1], number(plan_.row_tiles - 1));
    emit_if(b_, b_.CreateNot(last),
            [&] { emit_tile(rows, part[0], row, column, plan_.width); });
    emit_if(b_, last,
            [&] { emit_tile(rows, part[0], row, column, static_cast<int>(rest)); });
  }

  // Lanes of each vector that are output channels; null where all are.
  std::vector<Value*> masks(Value* column) {
    std::vector<Value*> result;
    for (int v = 0; v < plan_.vectors; ++v) {
      const bool whole = g_.outputs % plan_.nr() == 0;
      Value* left = sub(b_, number(g_.outputs), add(b_, column, int64_t{v} * plan_.lanes));
      result.push_back(whole ? nullptr : lane_mask(b_, plan_.lanes, left));
    }
    return result;
  }

  // Elements from the first row of the image to the first row of a group of taps.
  Value* group_offset(Value* group) {
    if (g_.joins_columns()) return mul(b_, group, g_.height.dilation * g_.row_pitch());
    Value* kernel = number(g_.width.kernel);
    return add(b_, mul(b_, div(b_, group, kernel), g_.height.dilation * g_.row_pitch()),
               mul(b_, rem(b_, group, kernel), g_.width.dilation * g_.channels));
  }

  void emit_tile(const Part& part, Value* group, Value* row, Value* column, int width) {
    const std::vector<Value*> mask = masks(column);
    Value* out_row = add(b_, mul(b_, group, g_.rows()), row);
    Value* out = at(k_.output, add(b_, mul(b_, out_row, g_.outputs), column));
    Value* from = at(part.input, add(b_, group_offset(group), row));
    Value* dy = at(dy_, add(b_, mul(b_, part.image, g_.height.output * g_.width.output * g_.outputs),
                            column));
    const Values sums =
        emit_loop(b_, part.begin, part.end, 1, initial(part, out, mask, width),
                  [&](Value* y, const Values& sums) {
                    Value* x_row = at(from, mul(b_, y, g_.height.stride * g_.row_pitch()));
                    Value* dy_row = at(dy, mul(b_, y, g_.width.output * g_.outputs));
                    return emit_row(x_row, dy_row, mask, width, sums);
                  });
    for (int i = 0; i < width; ++i)
      for (int v = 0; v < plan_.vectors; ++v)
        store(place(out, i, v), mask[static_cast<size_t>(v)],
              sums[static_cast<size_t>(i * plan_.vectors + v)]);
  }

  Value* place(Value* out, int row, int vector) {
    return at(out, number(row * g_.outputs + int64_t{vector} * plan_.lanes));
  }

  // Nothing before the first part.
  Values initial(const Part& part, Value* out, const std::vector<Value*>& mask, int width) {
    Value* first = b_.CreateICmpEQ(b_.CreateOr(part.image, part.begin), number(0));
    Values sums;
    for (int i = 0; i < width; ++i)
      for (int v = 0; v < plan_.vectors; ++v)
        sums.push_back(b_.CreateSelect(
            first, llvm::Constant::getNullValue(vector_),
            load_lanes(b_, vector_, place(out, i, v), mask[static_cast<size_t>(v)])));
    return sums;
  }

  Values emit_row(Value* x, Value* dy, const std::vector<Value*>& mask, int width,
                  const Values& before) {
    return emit_loop(
        b_, number(0), number(g_.width.output), 1, before, [&](Value* pixel, const Values& sums) {
          Value* from = at(x, mul(b_, pixel, g_.width.stride * g_.channels));
          Value* slope = at(dy, mul(b_, pixel, g_.outputs));
          Values vectors, result;
          for (int v = 0; v < plan_.vectors; ++v)
            vectors.push_back(load_lanes(b_, vector_, at(slope, number(int64_t{v} * plan_.lanes)),
                                         mask[static_cast<size_t>(v)]));
          for (int i = 0; i < width; ++i) {
            Value* scalar =
                b_.CreateAlignedLoad(element_, at(from, number(i)), llvm::MaybeAlign(4));
            Value* splat = b_.CreateVectorSplat(static_cast<unsigned>(plan_.lanes), scalar);
            for (int v = 0; v < plan_.vectors; ++v)
              result.push_back(multiply_add(b_, k_.isa, splat, vectors[static_cast<size_t>(v)],
                                            sums[static_cast<size_t>(i * plan_.vectors + v)]));
          }
          return result;
        });
  }

  void store(Value* pointer, Value* mask, Value* value) {
    const llvm::Align align(static_cast<uint64_t>(element_size(g_.type)));
    if (mask)
      b_.CreateMaskedStore(value, pointer, align, mask);
    else
      b_.CreateAlignedStore(value, pointer, align);
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  const Geometry& g_;
  const TilePlan& plan_;
  Value *x_, *dy_;
  llvm::Type* element_;
  llvm::Type* vector_;
};

}  // namespace

std::optional<std::string> weight_gradient_refusal(const Node& node) {
  if (!node.is("ConvWeightGradient")) return "it is no gradient of weights";
  const OpContext c(node);
  if (c.dtype() != DType::f32 && c.dtype() != DType::f64)
    return cat("it computes f32 and f64, this is ", name_of(c.dtype()));
  if (c.integer("channels_last") == 0) return "the activations are not channels-last";
  if (c.integer("group") != 1) return cat("it has ", c.integer("group"), " groups");
  if (c.rank() > 4) return cat("it has ", c.rank() - 2, " spatial axes, at most 2 are supported");
  if (!c.type(0).is_static() || !c.type(1).is_static()) return "sizes are symbolic";
  return std::nullopt;
}

KernelNeeds emit_weight_gradient_kernel(KernelContext& k) {
  const Geometry g = geometry_of(k.node);
  const TilePlan plan = plan_tiles(g, k.isa);
  Emitter(k, g, plan).emit();
  KernelNeeds needs{{Dim(g.groups() * plan.row_tiles * plan.panels), nullptr}, std::nullopt};
  if (g.is_padded())
    needs.scratch = StepNumber{Dim(g.height.padded() * g.row_pitch() * element_size(g.type)), nullptr};
  return needs;
}

}  // namespace cnnc::codegen
