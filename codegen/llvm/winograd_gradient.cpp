// The gradient of a convolution with respect to its weights, by Winograd's filtering: for each point a matrix product,
// [channels of the input] times [output channels], summed over all tiles of all images.
//
// The tiles pass by in blocks. A thread brings those rows of points to scratch memory that its tasks need, and each task, a
// part of the result at one point that fits into registers, adds the block to it. Blocks are added in order, so that the
// result does not depend on how tasks are divided.
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/tile.h"
#include "codegen/llvm/winograd.h"
#include "codegen/winograd_gradients.h"
#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// The images of one operand, [batch, rows, columns, channels], and how their patches come to the points.
struct Images {
  Value* data;
  PatchAxis rows, columns;
  int64_t channels;
  const LinearMap& map;
  int64_t row_pad, column_pad;
  PointsLayout points;
  Value* scratch = nullptr;

  int64_t elements() const { return rows.size * rows.stride; }
};

class Emitter {
 public:
  explicit Emitter(KernelContext& k)
      : k_(k),
        b_(k.builder),
        op_(k.node),
        type_(op_.dtype() == DType::f64 ? FloatType::f64 : FloatType::f32),
        lanes_(lanes_of(k.isa, type_)),
        grid_(tile_grid(op_.dims(1)[1].value(), op_.dims(1)[2].value())),
        tiles_(op_.dims(0)[0].value() * grid_.of_image()),
        block_(block_size()),
        pads_(op_.integers("pads")),
        x_(images(0, kPatchToPoints, pads_[0], pads_[1])),
        dy_(images(1, kSlopesToPoints, 0, 0)),
        tile_(choose_tile(k.isa, lanes_, x_.channels, divide_up(dy_.channels, lanes_), block_, 28)),
        panels_(divide_up(dy_.channels, int64_t{lanes_} * tile_.vectors)),
        rows_(divide_up(x_.channels, tile_.width)),
        element_(element_type(b_, type_)),
        vector_(llvm::FixedVectorType::get(element_, static_cast<unsigned>(lanes_))) {}

  KernelNeeds emit() {
    x_.scratch = at(k_.scratch, number(zeros_elements()));
    dy_.scratch = at(x_.scratch, number(x_.points.elements()));
    b_.CreateMemSet(k_.scratch, b_.getInt8(0), number(zeros_elements() * element_size(type_)), llvm::MaybeAlign(64));
    emit_loop(b_, number(0), number(tiles_), block_, [&](Value* first) { emit_block(first); });
    const int64_t scratch = zeros_elements() + x_.points.elements() + dy_.points.elements();
    return {{Dim(kPoints * rows_ * panels_), nullptr}, StepNumber{Dim(scratch * element_size(type_)), nullptr}};
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }
  int64_t zeros_elements() const { return std::max(x_.points.channels, dy_.points.channels); }

  // Tiles that are brought to the points together: many, because each block reads and writes the whole result, but no more
  // than the second-level cache holds.
  int64_t block_size() const {
    constexpr int64_t kCacheShare = 400 << 10, kFewest = 16, kMost = 128;
    const int64_t bytes = kPoints * (op_.dims(0)[3].value() + op_.dims(1)[3].value()) * element_size(type_);
    const int64_t most = std::clamp(kCacheShare / bytes, kFewest, kMost);
    return std::max<int64_t>(1, divide_up(tiles_, divide_up(tiles_, most)));
  }

  Images images(size_t operand, const LinearMap& map, int64_t row_pad, int64_t column_pad) {
    const Dims& dims = op_.dims(operand);
    const int64_t columns = dims[2].value(), channels = dims[3].value();
    return {k_.operand(static_cast<int>(operand)),
            {dims[1].value(), columns * channels},
            {columns, channels},
            channels,
            map,
            row_pad,
            column_pad,
            points_layout(block_, channels, lanes_)};
  }

  void emit_block(Value* first) {
    Value* count = tiles_ % block_ == 0 ? number(block_) : min(b_, sub(b_, number(tiles_), first), number(block_));
    // Rows of points that tasks of this thread need.
    const int64_t tasks_of_row = kWinogradPoints * rows_ * panels_;
    Value* first_row = div(b_, k_.begin, number(tasks_of_row));
    Value* last_row = div(b_, sub(b_, k_.end, number(1)), number(tasks_of_row));
    emit_loop(b_, first_row, add(b_, last_row, 1), 1, [&](Value* row) {
      const MapRow x_row = row_of(x_.map, row), dy_row = row_of(dy_.map, row);
      emit_loop(b_, number(0), count, 1, [&](Value* tile) {
        const std::array<Value*, 3> place = place_of_tile(b_, grid_, add(b_, first, tile));
        emit_points(x_, place, tile, row, x_row);
        emit_points(dy_, place, tile, row, dy_row);
      });
    });
    emit_loop(b_, k_.begin, k_.end, 1, [&](Value* task) { emit_task(task, first, count); });
  }

  // A row of a map that is known when the kernel runs: it takes two numbers at most.
  struct MapRow {
    Value *first, *second;                          // which
    Value *first_coefficient, *second_coefficient;  // as vectors
  };

  MapRow row_of(const LinearMap& map, Value* row) {
    MapRow result{number(0), number(0), nullptr, nullptr};
    Value *one = llvm::ConstantFP::get(element_, 0), *other = one;
    for (int r = 0; r < map.rows; ++r) {
      int first = 0, second = map.columns - 1;
      while (map(r, first) == 0) ++first;
      while (map(r, second) == 0) --second;
      Value* is_row = b_.CreateICmpEQ(row, number(r));
      result.first = b_.CreateSelect(is_row, number(first), result.first);
      result.second = b_.CreateSelect(is_row, number(second), result.second);
      one = b_.CreateSelect(is_row, llvm::ConstantFP::get(element_, map(r, first)), one);
      other = b_.CreateSelect(is_row, llvm::ConstantFP::get(element_, first == second ? 0 : map(r, second)), other);
    }
    result.first_coefficient = b_.CreateVectorSplat(static_cast<unsigned>(lanes_), one);
    result.second_coefficient = b_.CreateVectorSplat(static_cast<unsigned>(lanes_), other);
    return result;
  }

  // A row of points of the patch at a tile.
  void emit_points(const Images& images, const std::array<Value*, 3>& place, Value* tile, Value* row, const MapRow& map) {
    Value* image = at(images.data, mul(b_, place[0], images.elements()));
    const auto corner = [&](Value* index, int64_t pad) { return sub(b_, mul(b_, index, kWinogradResults), number(pad)); };
    Value* top = corner(place[1], images.row_pad);
    const auto width = static_cast<size_t>(images.map.columns);
    const Values columns = consecutive(b_, corner(place[2], images.column_pad), images.map.columns);
    const Values places = patch_places(b_, element_, image, images.rows, {add(b_, top, map.first), add(b_, top, map.second)},
                                       images.columns, columns, k_.scratch);
    Value* to = at(images.scratch, add(b_, mul(b_, tile, images.points.channels),
                                       mul(b_, row, kWinogradPoints * images.points.point)));
    const auto vector = [&](Value* channel, Value* mask) {
      Values across;
      for (size_t c = 0; c < width; ++c) {
        Value* first = load_lanes(b_, vector_, at(places[c], channel), mask);
        Value* second = load_lanes(b_, vector_, at(places[width + c], channel), mask);
        across.push_back(multiply_add(b_, k_.isa, second, map.second_coefficient, b_.CreateFMul(first, map.first_coefficient)));
      }
      for (int i = 0; i < kWinogradPoints; ++i)
        store_lanes(b_, map_row(b_, images.map, i, across), at(to, add(b_, channel, i * images.points.point)), nullptr);
    };
    for_each_vector(b_, images.channels, lanes_, vector);
  }

  void emit_task(Value* task, Value* first, Value* count) {
    const std::vector<Value*> part = unflatten(b_, task, {number(kPoints), number(rows_), number(panels_)});
    Value* row = mul(b_, part[1], tile_.width);
    const int64_t rest = x_.channels - (rows_ - 1) * tile_.width;
    if (rest == tile_.width) return emit_tile_of(part[0], row, tile_.width, part[2], first, count);
    Value* is_last = b_.CreateICmpEQ(part[1], number(rows_ - 1));
    emit_if(b_, is_last, [&] { emit_tile_of(part[0], row, static_cast<int>(rest), part[2], first, count); });
    if (rows_ > 1)
      emit_if(b_, b_.CreateNot(is_last), [&] { emit_tile_of(part[0], row, tile_.width, part[2], first, count); });
  }

  // result[point][row ..][panel] += the block's products, over its tiles.
  void emit_tile_of(Value* point, Value* row, int width, Value* panel, Value* first, Value* count) {
    Value* column = mul(b_, panel, int64_t{lanes_} * tile_.vectors);
    Value* place = add(b_, mul(b_, add(b_, mul(b_, point, x_.channels), row), dy_.channels), column);
    Tile tile;
    tile.width = width;
    tile.vectors = tile_.vectors;
    tile.input = at(x_.scratch, add(b_, mul(b_, point, x_.points.point), row));
    tile.pixel_stride = number(1);
    tile.channel_stride = number(x_.points.channels);
    tile.weights = at(dy_.scratch, add(b_, mul(b_, point, dy_.points.point), column));
    tile.step_stride = number(dy_.points.channels);
    tile.tap_strides = tile.weight_strides = {number(0), number(0), number(0)};
    tile.depth_taps = tile.height_taps = {number(0), number(1)};
    tile.columns = {~uint64_t{0} >> (64 - width)};
    tile.channels = count;
    TileOutput out;
    out.base = at(k_.output, place);
    out.offset = out.pixel = out.channel = number(0);
    out.pixel_stride = number(dy_.channels);
    for (int v = 0; v < tile_.vectors; ++v)
      out.masks.push_back(panel_mask(b_, lanes_, tile_.vectors, dy_.channels, column, v));
    tile.weight_masks = out.masks;
    emit_tile_stores(b_, width, tile_.vectors, emit_tile(b_, k_.isa, tile, sums_so_far(out, width, first)), out, nullptr);
  }

  Values sums_so_far(const TileOutput& out, int width, Value* first) {
    Value* is_first = b_.CreateICmpEQ(first, number(0));
    Values sums;
    for (int i = 0; i < width; ++i)
      for (int v = 0; v < tile_.vectors; ++v) {
        Value* place = at(out.base, number(i * dy_.channels + int64_t{v} * lanes_));
        sums.push_back(b_.CreateSelect(is_first, llvm::Constant::getNullValue(vector_),
                                       load_lanes(b_, vector_, place, out.masks[static_cast<size_t>(v)])));
      }
    return sums;
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  OpContext op_;
  FloatType type_;
  int lanes_;
  TileGrid grid_;
  int64_t tiles_, block_;
  Ints pads_;
  Images x_, dy_;
  TileShape tile_;
  int64_t panels_, rows_;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_;
};

// Nothing when the node is a gradient of weights that can be computed at the points.
std::optional<std::string> shape_refusal(const Node& node) {
  if (!node.is("ConvWeightGradient")) return "it is no gradient of weights";
  const OpContext c(node);
  if (c.dtype() != DType::f32 && c.dtype() != DType::f64) return cat("it computes f32 and f64, this is ", name_of(c.dtype()));
  if (c.integer("channels_last") == 0) return "the activations are not channels-last";
  if (!c.type(0).is_static() || !c.type(1).is_static()) return "sizes are symbolic";
  const auto all = [&](const char* name, int64_t value) {
    const Ints numbers = c.integers(name);
    return std::all_of(numbers.begin(), numbers.end(), [&](int64_t n) { return n == value; });
  };
  if (c.rank() != 4 || !all("kernel_shape", 3) || !all("strides", 1) || !all("dilations", 1) || c.integer("group") != 1)
    return "its windows are not 3 x 3 of stride and dilation 1, or it has groups";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> winograd_gradient_refusal(const Node& node, const TargetSpec& target) {
  if (auto refusal = shape_refusal(node)) return refusal;
  // Cycles for all tiles, by a model of the core with one multiplication a cycle.
  constexpr double kPatchTransform = 60, kSlopeTransform = 44;  // of a vector of channels, with its loads and stores
  constexpr double kBringBack = 9;                              // of a pair of channels
  const Dims &x = node.input(0)->type().dims, &dy = node.input(1)->type().dims;
  const int64_t lanes = node.output()->dtype() == DType::f64 ? target.f32_lanes / 2 : target.f32_lanes;
  const int64_t channels = x[3].value(), outputs = dy[3].value();
  const auto inputs = static_cast<double>(divide_up(channels, lanes)), sums = static_cast<double>(divide_up(outputs, lanes));
  const double products = static_cast<double>(channels) * sums;
  const auto tiles = static_cast<double>(x[0].value() * tile_grid(dy[1].value(), dy[2].value()).of_image());
  const auto pixels = static_cast<double>(x[0].value() * dy[1].value() * dy[2].value());
  const double at_points = tiles * (kPoints * products + kPatchTransform * inputs + kSlopeTransform * sums);
  if ((at_points + kBringBack * static_cast<double>(channels * outputs)) * 1.1 > 9 * pixels * products)
    return "with so few channels or pixels it is no faster than the direct sum";
  return std::nullopt;
}

KernelNeeds emit_winograd_gradient_kernel(KernelContext& k) { return Emitter(k).emit(); }

}  // namespace cnnc::codegen
