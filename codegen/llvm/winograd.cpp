// What the kernels that use Winograd's filtering share.
#include "codegen/llvm/winograd.h"

#include <llvm/IR/Constants.h>
#include <llvm/Support/MathExtras.h>

#include <cmath>

#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/tile.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

Value* map_row(IRBuilderBase& b, const LinearMap& map, int row, llvm::ArrayRef<Value*> rows) {
  // All coefficients of a row are of one magnitude. What is subtracted comes last, so that no sum begins with a negation.
  Value* sum = nullptr;
  double magnitude = 1;
  for (const bool subtracted : {false, true})
    for (int column = 0; column < map.columns; ++column) {
      const double c = map(row, column);
      if (c == 0 || (c < 0) != subtracted) continue;
      magnitude = std::abs(c);
      Value* x = rows[static_cast<size_t>(column)];
      sum = sum == nullptr ? x : subtracted ? b.CreateFSub(sum, x) : b.CreateFAdd(sum, x);
    }
  return magnitude == 1 ? sum : b.CreateFMul(sum, llvm::ConstantFP::get(sum->getType(), magnitude));
}

Values map_patch(IRBuilderBase& b, const LinearMap& map, const Values& patch) {
  const auto n = static_cast<size_t>(map.columns);
  Values result;
  for (int row = 0; row < map.rows; ++row) {
    Values across;
    for (size_t column = 0; column < n; ++column) {
      Values down;
      for (size_t r = 0; r < n; ++r) down.push_back(patch[r * n + column]);
      across.push_back(map_row(b, map, row, down));
    }
    for (int column = 0; column < map.rows; ++column) result.push_back(map_row(b, map, column, across));
  }
  return result;
}

Values consecutive(IRBuilderBase& b, Value* first, int count) {
  Values numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(add(b, first, i));
  return numbers;
}

Values patch_places(IRBuilderBase& b, llvm::Type* element, Value* image, const PatchAxis& row_axis, const Values& rows,
                    const PatchAxis& column_axis, const Values& columns, Value* zeros) {
  const auto is_inside = [&](Value* pixel, const PatchAxis& axis) {
    return b.CreateICmpULT(pixel, b.getInt64(static_cast<uint64_t>(axis.size)));
  };
  Values column_inside, places;
  for (Value* column : columns) column_inside.push_back(is_inside(column, column_axis));
  for (Value* row : rows) {
    Value* row_inside = is_inside(row, row_axis);
    Value* row_place = b.CreateGEP(element, image, mul(b, row, row_axis.stride));
    for (size_t c = 0; c < columns.size(); ++c) {
      Value* place = b.CreateGEP(element, row_place, mul(b, columns[c], column_axis.stride));
      places.push_back(b.CreateSelect(b.CreateAnd(row_inside, column_inside[c]), place, zeros));
    }
  }
  return places;
}

void for_each_vector(IRBuilderBase& b, int64_t channels, int lanes, llvm::function_ref<void(Value*, Value*)> body) {
  const auto number = [&](int64_t value) { return b.getInt64(static_cast<uint64_t>(value)); };
  const int64_t whole = channels / lanes * lanes;
  emit_loop(b, number(0), number(whole), lanes, [&](Value* channel) { body(channel, nullptr); });
  if (whole < channels) body(number(whole), lane_mask(b, lanes, number(channels - whole)));
}

TileGrid tile_grid(int64_t output_rows, int64_t output_columns) {
  return {divide_up(output_rows, kWinogradResults), divide_up(output_columns, kWinogradResults)};
}

std::array<Value*, 3> place_of_tile(IRBuilderBase& b, const TileGrid& grid, Value* tile) {
  Value* of_image = b.getInt64(static_cast<uint64_t>(grid.of_image()));
  Value* columns = b.getInt64(static_cast<uint64_t>(grid.columns));
  Value* within = rem(b, tile, of_image);
  return {div(b, tile, of_image), div(b, within, columns), rem(b, within, columns)};
}

int64_t spaced_points(int64_t elements, int lanes) {
  return elements % (4 * lanes) == 0 ? elements + lanes : elements;
}

PointsLayout points_layout(int64_t tiles, int64_t channels, int lanes) {
  const auto size = static_cast<uint64_t>(lanes);
  PointsLayout layout;
  layout.channels = static_cast<int64_t>(llvm::alignTo(static_cast<uint64_t>(channels), size));
  if (layout.channels % (8 * lanes) == 0) layout.channels += lanes;
  layout.point = spaced_points(tiles * layout.channels, lanes);
  return layout;
}

}  // namespace cnnc::codegen
