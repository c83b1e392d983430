// The gradient of a depthwise convolution with respect to its weights, and of other narrow groups: vectors over output
// channels, several groups in one vector. A tile is some taps for one vector; where a group has several channels, a
// shuffle hands each lane the channel of its group that is due.
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/weight_gradient_bands.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

bool has_narrow_groups(const GradientGeometry& g) {
  ConvolutionSpec spec;
  spec.type = g.type;
  spec.groups = g.groups;
  spec.channels = g.channels;
  spec.output_channels = g.outputs;
  return !depthwise_refusal(spec);
}

namespace {

class Emitter {
 public:
  Emitter(KernelContext& k, const GradientGeometry& g)
      : k_(k), b_(k.builder), g_(g), lanes_(lanes_of(k.isa, g.type)), element_(element_type(b_, g.type)) {
    // Beside the sums, registers hold dY, the input and what is made of it.
    const int64_t most = std::max<int64_t>(1, (k.isa.registers - 4) / g.group_channels());
    columns_ = largest_part(g.width.kernel, most);
    rows_ = largest_part(g.height.kernel, most / columns_);
    blocks_ = divide_up(g.outputs, lanes_);
    vector_ = llvm::FixedVectorType::get(element_, static_cast<unsigned>(lanes_));
    input_vector_ = llvm::FixedVectorType::get(element_, static_cast<unsigned>(input_channels(lanes_)));
  }

  int64_t tasks() const { return row_tiles() * column_tiles() * blocks_; }

  void emit() {
    emit_gradient_bands(k_, g_, tasks(), [&](const GradientBand& band, Value* task) {
      const auto part = unflatten(b_, task, {number(row_tiles()), number(column_tiles()), number(blocks_)});
      emit_tile(band, mul(b_, part[0], rows_), mul(b_, part[1], columns_), mul(b_, part[2], lanes_));
    });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }
  int64_t input_channels(int64_t outputs) const { return outputs / g_.group_outputs() * g_.group_channels(); }

  // The largest part of a kernel that divides it into equal parts.
  static int64_t largest_part(int64_t kernel, int64_t most) {
    int64_t part = std::min(kernel, most);
    while (kernel % part != 0) --part;
    return part;
  }
  int64_t row_tiles() const { return g_.height.kernel / rows_; }
  int64_t column_tiles() const { return g_.width.kernel / columns_; }

  // Lanes that exist; null where all do.
  Value* mask_of(Value* first, int64_t lanes, int64_t count) {
    return count % lanes == 0 ? nullptr : lane_mask(b_, static_cast<int>(lanes), b_.CreateSub(number(count), first));
  }

  void emit_tile(const GradientBand& band, Value* kh, Value* kw, Value* output) {
    Value* channel = mul(b_, div(b_, output, number(g_.group_outputs())), g_.group_channels());
    Value* mask = mask_of(output, lanes_, g_.outputs);
    Value* input_mask = mask_of(channel, input_channels(lanes_), g_.channels);
    const int64_t tap_size = g_.group_channels() * g_.outputs;
    Value* tap = add(b_, mul(b_, kh, g_.width.kernel), kw);
    Value* out = at(band.result, add(b_, mul(b_, tap, tap_size), output));
    Values places;
    for (int64_t i = 0; i < rows_; ++i)
      for (int64_t j = 0; j < columns_; ++j)
        for (int64_t c = 0; c < g_.group_channels(); ++c)
          places.push_back(at(out, number((i * g_.width.kernel + j) * tap_size + c * g_.outputs)));
    const Values place_masks(places.size(), mask);
    Value* first = add(b_, add(b_, mul(b_, kh, g_.height_pitch()), mul(b_, kw, g_.width_pitch())), channel);
    const Values sums =
        sum_over_band(k_, g_, band, at(band.x, first), at(band.dy, output),
                      sums_so_far(k_, band, vector_, places, place_masks), [&](Value* x, Value* dy, const Values& now) {
                        return pixel(x, load_lanes(b_, vector_, dy, mask), input_mask, now);
                      });
    for (size_t i = 0; i < sums.size(); ++i) store_lanes(b_, sums[i], places[i], mask);
  }

  Values pixel(Value* x, Value* slope, Value* input_mask, const Values& sums) {
    Values result;
    for (int64_t i = 0; i < rows_; ++i)
      for (int64_t j = 0; j < columns_; ++j) {
        Value* place = at(x, number(i * g_.height_pitch() + j * g_.width_pitch()));
        Value* input = load_lanes(b_, input_vector_, place, input_mask);
        for (int64_t c = 0; c < g_.group_channels(); ++c)
          result.push_back(multiply_add(b_, k_.isa, channel_of_groups(input, c), slope, sums[result.size()]));
      }
    return result;
  }

  // For each output lane, channel c of its group.
  Value* channel_of_groups(Value* input, int64_t c) {
    if (g_.group_outputs() == 1) return input;
    llvm::SmallVector<int, 16> from;
    for (int64_t lane = 0; lane < lanes_; ++lane)
      from.push_back(static_cast<int>(lane / g_.group_outputs() * g_.group_channels() + c));
    return b_.CreateShuffleVector(input, from);
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  const GradientGeometry& g_;
  int64_t lanes_;
  int64_t rows_ = 1, columns_ = 1;  // taps of a tile
  int64_t blocks_ = 1;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_ = nullptr;
  llvm::FixedVectorType* input_vector_ = nullptr;
};

}  // namespace

KernelNeeds emit_depthwise_gradient(KernelContext& k, const GradientGeometry& g) {
  Emitter emitter(k, g);
  emitter.emit();
  return gradient_needs(g, emitter.tasks());
}

}  // namespace cnnc::codegen
