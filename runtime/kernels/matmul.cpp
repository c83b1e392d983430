#include "runtime/kernels/matmul.h"

#include <algorithm>
#include <type_traits>
#include <vector>

namespace cnnc {

// What sums are kept in. Integers wrap around, so they are summed without sign; short ones would be
// promoted to int.
template <typename T, bool = std::is_integral_v<T>>
struct Sum {
  using type = std::conditional_t<sizeof(T) < 4, uint32_t, std::make_unsigned_t<T>>;
};
template <typename T>
struct Sum<T, false> {
  using type = T;
};
template <typename T>
using SumOf = typename Sum<T>::type;

// kRows x kColumns sums stay in registers.
static constexpr int kRows = 4, kColumns = 8;

template <int rows, typename T>
static void multiply_tile(int64_t k, const T* a, const T* block, SumOf<T> (*sums)[kColumns]) {
  using S = SumOf<T>;
  S acc[rows][kColumns] = {};
  for (int64_t i = 0; i < k; ++i)
    for (int r = 0; r < rows; ++r)
      for (int j = 0; j < kColumns; ++j)
        acc[r][j] += static_cast<S>(a[r * k + i]) * static_cast<S>(block[i * kBlockColumns + j]);
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < kColumns; ++j) sums[r][j] = acc[r][j];
}

template <typename T>
static void multiply_rows(int64_t rows, int64_t k, const T* a, const T* block,
                          SumOf<T> (*sums)[kColumns]) {
  if (rows == kRows) return multiply_tile<kRows>(k, a, block, sums);
  for (int64_t r = 0; r < rows; ++r) multiply_tile<1>(k, a + r * k, block, sums + r);
}

template <typename T>
void multiply_block(int64_t m, int64_t columns, int64_t k, const T* a, const T* block,
                    const T* bias, T* c, MatrixStrides c_strides) {
  using S = SumOf<T>;
  for (int64_t row = 0; row < m; row += kRows) {
    const int64_t rows = std::min<int64_t>(kRows, m - row);
    for (int64_t column = 0; column < columns; column += kColumns) {
      S sums[kRows][kColumns];
      multiply_rows(rows, k, a + row * k, block + column, sums);
      const int64_t count = std::min<int64_t>(kColumns, columns - column);
      for (int64_t r = 0; r < rows; ++r) {
        const S start = bias ? static_cast<S>(bias[row + r]) : S(0);
        T* to = c + (row + r) * c_strides.row + column * c_strides.column;
        for (int64_t j = 0; j < count; ++j)
          to[j * c_strides.column] = static_cast<T>(sums[r][j] + start);
      }
    }
  }
}

template <typename T>
void matmul(int64_t m, int64_t n, int64_t k, const T* a, MatrixStrides a_strides, const T* b,
            MatrixStrides b_strides, T* c, int64_t c_row) {
  std::vector<T> rows;
  if (a_strides.column != 1 || a_strides.row != k) {
    rows.resize(static_cast<size_t>(m * k));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < k; ++j)
        rows[static_cast<size_t>(i * k + j)] = a[i * a_strides.row + j * a_strides.column];
    a = rows.data();
  }
  std::vector<T> block(static_cast<size_t>(k * kBlockColumns));
  for (int64_t column = 0; column < n; column += kBlockColumns) {
    const int64_t columns = std::min(kBlockColumns, n - column);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < columns; ++j)
        block[static_cast<size_t>(i * kBlockColumns + j)] =
            b[i * b_strides.row + (column + j) * b_strides.column];
    multiply_block<T>(m, columns, k, a, block.data(), nullptr, c + column, {c_row, 1});
  }
}

#define CNNC_INSTANTIATE(T)                                                                    \
  template void matmul<T>(int64_t, int64_t, int64_t, const T*, MatrixStrides, const T*,        \
                          MatrixStrides, T*, int64_t);                                         \
  template void multiply_block<T>(int64_t, int64_t, int64_t, const T*, const T*, const T*, T*, \
                                  MatrixStrides);
CNNC_INSTANTIATE(float)
CNNC_INSTANTIATE(double)
CNNC_INSTANTIATE(int8_t)
CNNC_INSTANTIATE(int16_t)
CNNC_INSTANTIATE(int32_t)
CNNC_INSTANTIATE(int64_t)
CNNC_INSTANTIATE(uint8_t)
CNNC_INSTANTIATE(uint16_t)
CNNC_INSTANTIATE(uint32_t)
CNNC_INSTANTIATE(uint64_t)
#undef CNNC_INSTANTIATE

}  // namespace cnnc
