#include "codegen/llvm/winograd_parts.h"

#include <llvm/IR/Constants.h>

#include "codegen/llvm/tile.h"
#include "ir/error.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

Value* number(IRBuilderBase& b, int64_t value) { return b.getInt64(static_cast<uint64_t>(value)); }

// A transposed convolution of stride 1 takes its taps from the last to the first.
bool is_backwards(const ConvolutionSpec& spec) { return spec.axes[1].phases.has_value(); }

}  // namespace

TileGrid grid_of(const ConvolutionSpec& spec) {
  return tile_grid(spec.axes[1].output.constant(), spec.axes[2].output.constant());
}

std::string WinogradParts::name(const char* part, std::initializer_list<int64_t> numbers) const {
  std::string text = cat("winograd_", part, spec_.type == FloatType::f32 ? "_f32" : "_f64");
  for (const int64_t n : numbers) text += cat("_", n);
  return text;
}

llvm::FixedVectorType* WinogradParts::vector_type(IRBuilderBase& b) const {
  return llvm::FixedVectorType::get(element_type(b, spec_.type), static_cast<unsigned>(plan_.lanes));
}

void WinogradParts::store_points(IRBuilderBase& b, Value* to, int64_t distance, const Values& points) const {
  for (size_t p = 0; p < points.size(); ++p)
    store_lanes(b, points[p], b.CreateGEP(element_type(b, spec_.type), to, number(b, static_cast<int64_t>(p) * distance)), nullptr);
}

void WinogradParts::call_patches(IRBuilderBase& b, const SharedFunction& shared_function, Value* input, Value* batch_stride,
                                 Value* zeros, Value* to, Value* first, Value* tiles) const {
  const SpatialAxis &height = spec_.axes[1], &width = spec_.axes[2];
  const std::string text =
      name("patches", {height.input.constant(), height.input_stride.constant(), height.pad_begin, width.input.constant(),
                       width.input_stride.constant(), width.pad_begin, grid_.rows, grid_.columns, spec_.channels, plan_.lanes,
                       patches_.channels, patches_.point});
  llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty();
  llvm::Function* f =
      shared_function(text, {pointer, i64, pointer, pointer, i64, i64}, [&](IRBuilderBase& body, llvm::Function& function) {
        emit_loop(body, number(body, 0), function.getArg(5), 1, [&](Value* tile) { emit_patch(body, function, tile); });
      });
  b.CreateCall(f, {input, batch_stride, zeros, to, first, tiles});
}

void WinogradParts::emit_patch(IRBuilderBase& b, llvm::Function& f, Value* tile) const {
  Value *input = f.getArg(0), *batch_stride = f.getArg(1), *zeros = f.getArg(2), *patches = f.getArg(3), *first = f.getArg(4);
  const SpatialAxis &height = spec_.axes[1], &width = spec_.axes[2];
  llvm::FixedVectorType* vector = vector_type(b);
  const auto at = [&](Value* pointer, Value* offset) { return b.CreateGEP(vector->getElementType(), pointer, offset); };
  const auto [image, row, column] = place_of_tile(b, grid_, add(b, first, tile));
  const auto corner = [&](Value* index, const SpatialAxis& axis) {
    return sub(b, mul(b, index, kWinogradResults), number(b, axis.pad_begin));
  };
  const auto pixels = [](const SpatialAxis& axis) { return PatchAxis{axis.input.constant(), axis.input_stride.constant()}; };
  const Values rows = consecutive(b, corner(row, height), kWinogradPoints);
  const Values columns = consecutive(b, corner(column, width), kWinogradPoints);
  const Values places = patch_places(b, vector->getElementType(), at(input, mul(b, image, batch_stride)), pixels(height), rows,
                                     pixels(width), columns, zeros);
  Value* to = at(patches, mul(b, tile, patches_.channels));
  for_each_vector(b, spec_.channels, plan_.lanes, [&](Value* channel, Value* mask) {
    Values patch;
    for (Value* place : places) patch.push_back(load_lanes(b, vector, hide_from_loop_passes(b, at(place, channel)), mask));
    store_points(b, hide_from_loop_passes(b, at(to, channel)), patches_.point, map_patch(b, kPatchToPoints, patch));
  });
}

void WinogradParts::call_filters(IRBuilderBase& b, const SharedFunction& shared_function, Value* from, Value* to) const {
  const std::string text = name("filters", {spec_.channels, plan_.nr(), plan_.lanes, is_backwards(spec_)});
  llvm::Type* pointer = b.getPtrTy();
  llvm::Function* f = shared_function(text, {pointer, pointer},
                                      [&](IRBuilderBase& body, llvm::Function& function) { emit_filters(body, function); });
  b.CreateCall(f, {from, to});
}

void WinogradParts::emit_filters(IRBuilderBase& b, llvm::Function& f) const {
  constexpr int64_t kTaps = 9;
  const int64_t tap = spec_.channels * plan_.nr();
  llvm::FixedVectorType* vector = vector_type(b);
  const auto at = [&](Value* pointer, Value* offset) { return b.CreateGEP(vector->getElementType(), pointer, offset); };
  emit_loop(b, number(b, 0), number(b, tap), plan_.lanes, [&](Value* place) {
    Value* from = hide_from_loop_passes(b, at(f.getArg(0), place));
    Values weights;
    for (int64_t t = 0; t < kTaps; ++t)
      weights.push_back(load_lanes(b, vector, at(from, number(b, (is_backwards(spec_) ? kTaps - 1 - t : t) * tap)), nullptr));
    store_points(b, hide_from_loop_passes(b, at(f.getArg(1), place)), filter_point(), map_patch(b, kWeightsToPoints, weights));
  });
}

void WinogradParts::call_products(IRBuilderBase& b, const SharedFunction& shared_function, Value* patches, Value* filters,
                                  Value* sums, Value* tiles) const {
  const std::string text = name("products", {plan_.width, plan_.vectors, plan_.lanes, spec_.channels, patches_.channels,
                                             patches_.point, sums_.channels, sums_.point});
  llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty();
  llvm::Function* f =
      shared_function(text, {pointer, pointer, pointer, i64}, [&](IRBuilderBase& body, llvm::Function& function) {
        emit_loop(body, number(body, 0), number(body, kPoints), 1, [&](Value* point) { emit_products(body, function, point); });
      });
  b.CreateCall(f, {patches, filters, sums, tiles});
}

void WinogradParts::emit_products(IRBuilderBase& b, llvm::Function& f, Value* point) const {
  Value *patches = f.getArg(0), *filters = f.getArg(1), *sums = f.getArg(2), *tiles = f.getArg(3);
  llvm::FixedVectorType* vector = vector_type(b);
  const auto at = [&](Value* pointer, Value* offset) { return b.CreateGEP(vector->getElementType(), pointer, offset); };
  Tile tile;
  tile.width = plan_.width;
  tile.vectors = plan_.vectors;
  tile.pixel_stride = number(b, patches_.channels);
  tile.channel_stride = number(b, 1);
  tile.tap_strides = tile.weight_strides = {number(b, 0), number(b, 0), number(b, 0)};
  tile.weights = at(filters, mul(b, point, filter_point()));
  tile.step_stride = number(b, plan_.nr());
  tile.depth_taps = tile.height_taps = {number(b, 0), number(b, 1)};
  tile.columns = {~uint64_t{0} >> (64 - plan_.width)};
  tile.channels = number(b, spec_.channels);
  Value* from = at(patches, mul(b, point, patches_.point));
  Value* to = at(sums, mul(b, point, sums_.point));
  const Values zeros(static_cast<size_t>(plan_.width * plan_.vectors), llvm::Constant::getNullValue(vector));
  emit_loop(b, number(b, 0), tiles, plan_.width, [&](Value* index) {
    tile.input = at(from, mul(b, index, patches_.channels));
    TileOutput out;
    out.base = at(to, mul(b, index, sums_.channels));
    out.offset = out.pixel = out.channel = number(b, 0);
    out.pixel_stride = number(b, sums_.channels);
    emit_tile_stores(b, tile.width, tile.vectors, emit_tile(b, isa_, tile, zeros), out, nullptr);
  });
}

}  // namespace cnnc::codegen
