#include "ir/ops/winograd.h"

#include <vector>

#include "ir/ops/contraction.h"
#include "ir/ops/window.h"

namespace cnnc {
namespace {

constexpr int64_t kPoints = kWinogradPoints * kWinogradPoints;

std::vector<Type> gradient_type(const OpContext& c) {
  c.require(c.rank(0) == 4 && c.rank(1) == 4, "X ", c.type(0), " and dY ", c.type(1), " need four axes");
  c.require(c.type(0).is_static() && c.type(1).is_static(), "X ", c.type(0), " and dY ", c.type(1),
            " have symbolic sizes; ConvWeightGradient takes them");
  c.require(c.integers("pads").size() == 4, "pads has ", c.integers("pads").size(), " numbers, need 4");
  require_equal(c, c.dims(0)[0], "the batch of X", c.dims(1)[0], "the batch of dY");
  return {{c.dtype(), {kPoints, c.dims(0)[3], c.dims(1)[3]}}};
}

// An image [rows, columns, channels]; nothing but zeros outside.
template <typename T>
struct Image {
  const T* data;
  int64_t rows, columns, channels;

  double at(int64_t row, int64_t column, int64_t channel) const {
    const bool inside = row >= 0 && row < rows && column >= 0 && column < columns;
    return inside ? static_cast<double>(data[(row * columns + column) * channels + channel]) : 0;
  }

  // The square of M.columns pixels from (row, column) on, at the points.
  std::array<double, kPoints> points(const LinearMap& m, int64_t row, int64_t column, int64_t channel) const {
    std::array<double, kPoints> result{};
    for (int p = 0; p < static_cast<int>(kPoints); ++p)
      for (int r = 0; r < m.columns; ++r)
        for (int c = 0; c < m.columns; ++c)
          result[static_cast<size_t>(p)] += m(p / kWinogradPoints, r) * m(p % kWinogradPoints, c) * at(row + r, column + c, channel);
    return result;
  }
};

template <typename T>
void add_gradient(const Image<T>& x, const Image<T>& dy, const Ints& pads, std::vector<double>& sums) {
  for (int64_t row = 0; row < dy.rows; row += kWinogradResults)
    for (int64_t column = 0; column < dy.columns; column += kWinogradResults)
      for (int64_t i = 0; i < x.channels; ++i) {
        const auto patch = x.points(kPatchToPoints, row - pads[0], column - pads[1], i);
        for (int64_t o = 0; o < dy.channels; ++o) {
          const auto slopes = dy.points(kSlopesToPoints, row, column, o);
          for (size_t p = 0; p < patch.size(); ++p)
            sums[(p * static_cast<size_t>(x.channels) + static_cast<size_t>(i)) * static_cast<size_t>(dy.channels) +
                 static_cast<size_t>(o)] += patch[p] * slopes[p];
        }
      }
}

template <typename T>
void run(const Tensor& x, const Tensor& dy, const Ints& pads, Tensor& result) {
  const Shape &from = x.shape(), &slopes = dy.shape();
  std::vector<double> sums(static_cast<size_t>(result.size()));
  for (int64_t n = 0; n < from[0]; ++n)
    add_gradient<T>({x.data<T>() + n * from[1] * from[2] * from[3], from[1], from[2], from[3]},
                    {dy.data<T>() + n * slopes[1] * slopes[2] * slopes[3], slopes[1], slopes[2], slopes[3]}, pads, sums);
  for (size_t i = 0; i < sums.size(); ++i) result.mutable_data<T>()[i] = static_cast<T>(sums[i]);
}

std::vector<Tensor> gradient_kernel(const Node& node, const std::vector<const Tensor*>& operands) {
  const Tensor &x = *operands[0], &dy = *operands[1];
  Tensor result(x.dtype(), {kPoints, x.shape()[3], dy.shape()[3]});
  if (x.dtype() == DType::f64) run<double>(x, dy, node.ints_attribute("pads"), result);
  else run<float>(x, dy, node.ints_attribute("pads"), result);
  return {std::move(result)};
}

CNNC_OP(WinogradWeightGradient)
    .doc(
        "The gradient of a 3 x 3 convolution of stride 1 with respect to its weights, at the 16 points of Winograd's "
        "F(3x3, 2x2): [16, I, O] for the channels-last input [N, H, W, I] and gradient of the result [N, H', W', O].")
    .input("X", {DType::f32, DType::f64})
    .input("dY", {DType::f32, DType::f64})
    .required_attribute("pads", Ints{})
    .infer(gradient_type)
    .kernel(gradient_kernel)
    .example({random(DType::f32, {2, 5, 6, 3}), random(DType::f32, {2, 5, 6, 4})}, {{"pads", Ints{1, 1, 1, 1}}})
    .example({random(DType::f32, {3, 8, 8, 16}), random(DType::f32, {3, 6, 6, 40})}, {{"pads", Ints{0, 0, 0, 0}}})
    .example({random(DType::f64, {2, 4, 7, 30}), random(DType::f64, {2, 3, 5, 9})}, {{"pads", Ints{0, 0, 1, 0}}});

}  // namespace
}  // namespace cnnc
