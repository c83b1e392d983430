#include "codegen/llvm/weight_gradient_bands.h"

#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/weight_gradient.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

GradientAxis axis_of(const OpContext& c, int64_t i) {
  const auto k = static_cast<size_t>(i);
  const auto number = [&](const char* name, int64_t otherwise) {
    const Ints values = c.integers(name);
    return values.empty() ? otherwise : values[k];
  };
  return {c.dims(0)[k + 1].value(), c.dims(1)[k + 1].value(), c.integers("kernel_shape")[k],
          number("strides", 1),     number("dilations", 1),   number("pads", 0)};
}

int64_t scratch_elements(const GradientGeometry& g) { return g.height.padded() * g.row_pitch(); }

class Bands {
 public:
  Bands(KernelContext& k, const GradientGeometry& g)
      : k_(k), b_(k.builder), g_(g), x_(k.operand(0)), dy_(k.operand(1)), element_(element_type(b_, g.type)) {}

  void emit(int64_t tasks, llvm::function_ref<void(const GradientBand&, Value*)> task) {
    if (g_.is_padded()) clear_scratch();
    const int64_t plane_size = g_.height.input * g_.width.input * g_.channels;
    emit_loop(b_, number(0), number(g_.batch), 1, [&](Value* image) {
      emit_loop(b_, number(0), number(g_.depth.input), 1, [&](Value* plane) {
        Value* x = at(x_, mul(b_, add(b_, mul(b_, image, g_.depth.input), plane), plane_size));
        if (g_.is_padded()) x = staged(x);
        emit_loop(b_, number(0), number(g_.depth.kernel), 1, [&](Value* tap) {
          Value* shift = sub(b_, number(g_.depth.pad), mul(b_, tap, g_.depth.dilation));
          Value *reach = add(b_, plane, shift), *stride = number(g_.depth.stride);
          Value* window = b_.CreateSDiv(reach, stride);
          Value* exists = b_.CreateAnd(b_.CreateICmpSGE(reach, number(0)), b_.CreateICmpEQ(mul(b_, window, stride), reach));
          exists = b_.CreateAnd(exists, b_.CreateICmpSLT(window, number(g_.depth.output)));
          // The first window under which the tap has input.
          Value* first = b_.CreateSDiv(add(b_, shift, g_.depth.stride - 1), stride);
          first = max(b_, first, number(0));
          Value* is_first = b_.CreateAnd(b_.CreateICmpEQ(image, number(0)), b_.CreateICmpEQ(window, first));
          emit_if(b_, exists, [&] {
            Value* gradient = add(b_, mul(b_, image, g_.depth.output), window);
            const int64_t tap_size = g_.height.kernel * g_.width.kernel * g_.group_channels() * g_.outputs;
            emit_plane({nullptr, nullptr, x, at(dy_, mul(b_, gradient, g_.height.output * g_.dy_row_pitch())),
                        at(k_.output, mul(b_, tap, tap_size)), is_first},
                       mul(b_, tap, tasks), tasks, task);
          });
        });
      });
    });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  // Tasks [first, first + count) of the kernel, in every band of the plane.
  void emit_plane(GradientBand band, Value* first, int64_t count, llvm::function_ref<void(const GradientBand&, Value*)> task) {
    const int64_t rows = rows_of_band(g_);
    Value* is_first_plane = band.is_first;
    Value* begin_task = max(b_, sub(b_, k_.begin, first), number(0));
    Value* end_task = min(b_, sub(b_, k_.end, first), number(count));
    emit_loop(b_, number(0), number(g_.height.output), rows, [&](Value* begin) {
      band.begin = begin;
      band.end = min(b_, add(b_, begin, rows), number(g_.height.output));
      band.is_first = b_.CreateAnd(is_first_plane, b_.CreateICmpEQ(begin, number(0)));
      emit_loop(b_, begin_task, end_task, 1, [&](Value* index) { task(band, index); });
    });
  }

  Value* bytes(int64_t elements) { return number(elements * element_size(g_.type)); }

  void clear_scratch() {
    b_.CreateMemSet(k_.scratch, b_.getInt8(0), bytes(scratch_elements(g_)), llvm::MaybeAlign(64));
  }

  // The image amid zeros, which clear_scratch() has put there.
  Value* staged(Value* image) {
    const GradientAxis &h = g_.height, &w = g_.width;
    const int64_t rows = std::min(h.input, h.padded() - h.pad);
    const int64_t columns = std::min(w.input, w.padded() - w.pad);
    emit_loop(b_, number(0), number(rows), 1, [&](Value* row) {
      Value* to = add(b_, mul(b_, add(b_, row, h.pad), g_.row_pitch()), w.pad * g_.channels);
      b_.CreateMemCpy(at(k_.scratch, to), llvm::MaybeAlign(4), at(image, mul(b_, row, w.input * g_.channels)),
                      llvm::MaybeAlign(4), bytes(columns * g_.channels));
    });
    return k_.scratch;
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  const GradientGeometry& g_;
  Value *x_, *dy_;
  llvm::Type* element_;
};

}  // namespace

GradientGeometry gradient_geometry(const Node& node) {
  const OpContext c(node);
  const int64_t n = c.rank() - 2;
  GradientGeometry g;
  g.type = c.dtype() == DType::f32 ? FloatType::f32 : FloatType::f64;
  g.batch = c.dims(0)[0].value();
  g.channels = c.dims(0).back().value();
  g.outputs = c.dims(1).back().value();
  g.groups = c.integer("group");
  if (n == 3) g.depth = axis_of(c, 0);
  if (n >= 2) g.height = axis_of(c, n - 2);
  g.width = axis_of(c, n - 1);
  return g;
}

KernelNeeds gradient_needs(const GradientGeometry& g, int64_t tasks) {
  std::optional<StepNumber> scratch;
  if (g.is_padded()) scratch = StepNumber{Dim(scratch_elements(g) * element_size(g.type)), nullptr};
  return {{Dim(tasks * g.depth.kernel), nullptr}, scratch};
}

int64_t rows_of_band(const GradientGeometry& g) {
  constexpr int64_t kCacheShare = 24 << 10, kFewestPixels = 32;
  const int64_t row_bytes = element_size(g.type) * (g.dy_row_pitch() + g.height.stride * g.row_pitch());
  const int64_t fewest = (kFewestPixels - 1 + g.width.output) / g.width.output;
  return std::min(g.height.output, std::max(kCacheShare / row_bytes, fewest));
}

void emit_gradient_bands(KernelContext& k, const GradientGeometry& geometry, int64_t tasks,
                         llvm::function_ref<void(const GradientBand&, Value*)> task) {
  Bands(k, geometry).emit(tasks, task);
}

Values sum_over_band(KernelContext& k, const GradientGeometry& g, const GradientBand& band, Value* x, Value* dy,
                     const Values& before, llvm::function_ref<Values(Value*, Value*, const Values&)> pixel) {
  IRBuilderBase& b = k.builder;
  llvm::Type* element = element_type(b, g.type);
  const auto at = [&](Value* pointer, Value* offset) { return b.CreateGEP(element, pointer, offset); };
  return emit_loop(b, band.begin, band.end, 1, before, [&](Value* row, const Values& row_sums) {
    // Both places are carried along behind the sums.
    Values carried = row_sums;
    carried.push_back(hide_from_loop_passes(b, at(x, mul(b, row, g.height.stride * g.row_pitch()))));
    carried.push_back(hide_from_loop_passes(b, at(dy, mul(b, row, g.dy_row_pitch()))));
    carried = emit_loop(b, b.getInt64(0), b.getInt64(g.width.output), 1, carried, [&](Value*, const Values& now) {
      Value *x_now = now[now.size() - 2], *dy_now = now.back();
      Values next = pixel(x_now, dy_now, Values(now.begin(), now.end() - 2));
      next.push_back(hide_from_loop_passes(b, at(x_now, b.getInt64(g.width.stride * g.channels))));
      next.push_back(hide_from_loop_passes(b, at(dy_now, b.getInt64(g.outputs))));
      return next;
    });
    carried.truncate(row_sums.size());
    return carried;
  });
}

Values sums_so_far(KernelContext& k, const GradientBand& band, llvm::Type* vector, const Values& places,
                   const Values& masks) {
  Values sums;
  for (size_t i = 0; i < places.size(); ++i)
    sums.push_back(k.builder.CreateSelect(band.is_first, llvm::Constant::getNullValue(vector),
                                          load_lanes(k.builder, vector, places[i], masks[i])));
  return sums;
}

// Whether every tap has input in some window.
static bool sees_input_everywhere(const GradientAxis& axis) {
  for (int64_t tap = 0; tap < axis.kernel; ++tap) {
    const int64_t shift = axis.pad - tap * axis.dilation;
    const int64_t first = std::max<int64_t>(0, shift > 0 ? (shift + axis.stride - 1) / axis.stride : 0);
    if (first >= axis.output || first * axis.stride - shift >= axis.input) return false;
  }
  return true;
}

std::optional<std::string> weight_gradient_refusal(const Node& node) {
  if (!node.is("ConvWeightGradient")) return "it is no gradient of weights";
  const OpContext c(node);
  if (c.dtype() != DType::f32 && c.dtype() != DType::f64)
    return cat("it computes f32 and f64, this is ", name_of(c.dtype()));
  if (c.integer("channels_last") == 0) return "the activations are not channels-last";
  if (c.rank() > 5) return cat("it has ", c.rank() - 2, " spatial axes, at most 3 are supported");
  if (!c.type(0).is_static() || !c.type(1).is_static()) return "sizes are symbolic";
  if (!sees_input_everywhere(gradient_geometry(node).depth)) return "a tap of the depth lies in the padding in every window";
  return std::nullopt;
}

KernelNeeds emit_weight_gradient_kernel(KernelContext& k) {
  const GradientGeometry g = gradient_geometry(k.node);
  return has_narrow_groups(g) ? emit_depthwise_gradient(k, g) : emit_tiled_gradient(k, g);
}

}  // namespace cnnc::codegen
