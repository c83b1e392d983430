// Rows combined with others at positions that are data: the step of ScatterRows, and its reference.
#ifndef RUNTIME_SCATTER_ROWS_H_
#define RUNTIME_SCATTER_ROWS_H_

#include <stdint.h>

namespace cnnc {

enum class ScatterReduction : int32_t { none, add, mul, max, min };

// data [batch, channels, rows, inner], positions [batch, count], updates [batch, channels, count,
// inner].
struct ScatterShape {
  int64_t batch, channels, rows, inner, count;
};

// Which element types a reduction takes: without one those of 1, 2, 4 and 8 bytes, else f32, f64, i32
// and i64.
bool can_scatter(int32_t dtype, ScatterReduction reduction);

// Combines row positions[b, k] of `data` with updates[b, :, k], one k after the other; a position that
// is no row is left out. The type must be one that can_scatter takes.
void scatter_rows(int32_t dtype, ScatterReduction reduction, const ScatterShape& shape, void* data,
                  const int64_t* positions, const void* updates);

// The parameters of the step, whose sizes are those of the shape in order.
struct ScatterParams {
  int32_t dtype;
  ScatterReduction reduction;
};

} // namespace cnnc

#endif // RUNTIME_SCATTER_ROWS_H_
