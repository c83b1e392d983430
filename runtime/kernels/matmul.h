// Plain matrix products: the reference, and the implementation of last resort.
#pragma once
#include <cstdint>

namespace cnnc {

// Elements between neighbours of a matrix.
struct MatrixStrides {
  int64_t row = 0, column = 1;
};

// Columns of one block of the right operand.
inline constexpr int64_t kBlockColumns = 32;

// c[m, n] = a[m, k] b[k, n]; c is written row by row with `c_row` elements between rows.
template <typename T>
void matmul(int64_t m, int64_t n, int64_t k, const T* a, MatrixStrides a_strides, const T* b,
            MatrixStrides b_strides, T* c, int64_t c_row);

// c[m, columns] = a[m, k] block[k, kBlockColumns] (+ bias[m]): one block of columns, of which the
// first `columns` are stored. `a` has rows of k neighbouring elements, `bias` may be null.
template <typename T>
void multiply_block(int64_t m, int64_t columns, int64_t k, const T* a, const T* block,
                    const T* bias, T* c, MatrixStrides c_strides);

}  // namespace cnnc
