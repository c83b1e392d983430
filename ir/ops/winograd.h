// Winograd's minimal filtering for 3 x 3 windows of stride 1, F(2x2, 3x3) and F(3x3, 2x2): Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks" (2015). A tile of 2 x 2 results takes 16 products for each pair of channels instead of
// 36: the patch of 4 x 4 pixels under it and the filter are brought to 16 points, multiplied there, and brought back.
#pragma once
#include <array>
#include <cstddef>

namespace cnnc {

// How a row of numbers comes to the points or back. In two dimensions it is M X M^T.
struct LinearMap {
  int rows, columns;
  std::array<double, 16> coefficients;  // row by row
  double operator()(int row, int column) const { return coefficients[static_cast<size_t>(row * columns + column)]; }
};

inline constexpr int kWinogradPoints = 4;   // along an axis
inline constexpr int kWinogradResults = 2;  // of a tile along an axis
inline constexpr LinearMap kPatchToPoints{4, 4, {1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1}};
// For results: three weights to the points, and from the points two results.
inline constexpr LinearMap kWeightsToPoints{4, 3, {1, 0, 0, .5, .5, .5, .5, -.5, .5, 0, 0, 1}};
inline constexpr LinearMap kPointsToResults{2, 4, {1, 1, 1, 0, 0, 1, -1, -1}};
// For gradients of weights: two gradients of results to the points, and from the points three weights.
inline constexpr LinearMap kSlopesToPoints{4, 2, {1, 0, .5, .5, .5, -.5, 0, 1}};
inline constexpr LinearMap kPointsToWeights{3, 4, {1, 1, 1, 0, 0, 1, -1, 0, 0, 1, 1, -1}};

}  // namespace cnnc
