#include "runtime/scatter_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cnnc.h"
#include "runtime/model.h"

namespace cnnc {
namespace {

template <typename T>
bool is_nan(T value) {
  if constexpr (static_cast<T>(0.5) != 0) return isnan(value);
  return false;
}

struct Replace {
  template <typename T>
  T operator()(T, T update) const { return update; }
};
// Integers wrap around.
struct Add {
  template <typename T>
  T operator()(T data, T update) const {
    if constexpr (static_cast<T>(0.5) != 0) return data + update;
    return static_cast<T>(static_cast<uint64_t>(data) + static_cast<uint64_t>(update));
  }
};
struct Multiply {
  template <typename T>
  T operator()(T data, T update) const {
    if constexpr (static_cast<T>(0.5) != 0) return data * update;
    return static_cast<T>(static_cast<uint64_t>(data) * static_cast<uint64_t>(update));
  }
};
struct Greatest {
  template <typename T>
  T operator()(T data, T update) const {
    return is_nan(data) || data > update ? data : update;
  }
};
struct Least {
  template <typename T>
  T operator()(T data, T update) const {
    return is_nan(data) || data < update ? data : update;
  }
};

template <typename T, typename Combine>
void scatter(const ScatterShape& s, T* data, const int64_t* positions, const T* updates,
             Combine combine) {
  for (int64_t b = 0; b < s.batch; ++b, positions += s.count) {
    for (int64_t c = 0; c < s.channels; ++c, data += s.rows * s.inner) {
      for (int64_t k = 0; k < s.count; ++k, updates += s.inner) {
        if (positions[k] < 0 || positions[k] >= s.rows) continue;
        T* row = data + positions[k] * s.inner;
        for (int64_t i = 0; i < s.inner; ++i) row[i] = combine(row[i], updates[i]);
      }
    }
  }
}

template <typename T>
void scatter_numbers(ScatterReduction reduction, const ScatterShape& s, void* to,
                     const int64_t* positions, const void* from) {
  auto* data = static_cast<T*>(to);
  const auto* updates = static_cast<const T*>(from);
  switch (reduction) {
    case ScatterReduction::none: return scatter(s, data, positions, updates, Replace());
    case ScatterReduction::add: return scatter(s, data, positions, updates, Add());
    case ScatterReduction::mul: return scatter(s, data, positions, updates, Multiply());
    case ScatterReduction::max: return scatter(s, data, positions, updates, Greatest());
    case ScatterReduction::min: return scatter(s, data, positions, updates, Least());
  }
}

} // namespace

bool can_scatter(int32_t dtype, ScatterReduction reduction) {
  const uint32_t bits = cnnc_dtype_bits(dtype);
  const bool moves = dtype != CNNC_STRING && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
  if (reduction == ScatterReduction::none) return moves;
  return dtype == CNNC_FLOAT || dtype == CNNC_DOUBLE || dtype == CNNC_INT32 || dtype == CNNC_INT64;
}

void scatter_rows(int32_t dtype, ScatterReduction reduction, const ScatterShape& shape, void* data,
                  const int64_t* positions, const void* updates) {
  const auto replace = [&](auto* to, const auto* from) {
    scatter(shape, to, positions, from, Replace());
  };
  if (reduction == ScatterReduction::none) {
    switch (cnnc_dtype_bits(dtype)) {
      case 8: return replace(static_cast<uint8_t*>(data), static_cast<const uint8_t*>(updates));
      case 16: return replace(static_cast<uint16_t*>(data), static_cast<const uint16_t*>(updates));
      case 32: return replace(static_cast<uint32_t*>(data), static_cast<const uint32_t*>(updates));
      default: return replace(static_cast<uint64_t*>(data), static_cast<const uint64_t*>(updates));
    }
  }
  switch (dtype) {
    case CNNC_FLOAT: return scatter_numbers<float>(reduction, shape, data, positions, updates);
    case CNNC_DOUBLE: return scatter_numbers<double>(reduction, shape, data, positions, updates);
    case CNNC_INT32: return scatter_numbers<int32_t>(reduction, shape, data, positions, updates);
    default: return scatter_numbers<int64_t>(reduction, shape, data, positions, updates);
  }
}

namespace {

struct ScatterStep {
  ScatterParams params;
  ScatterShape shape;
};

int prepare(const cnnc_library_call* call, void** state) {
  if (call->params_bytes != sizeof(ScatterParams) || call->size_count != 5 || call->arg_count != 4) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  if (!*state) *state = malloc(sizeof(ScatterStep));
  if (!*state) return CNNC_OUT_OF_MEMORY;
  auto& step = *static_cast<ScatterStep*>(*state);
  memcpy(&step.params, call->params, sizeof step.params);
  const int64_t* n = call->sizes;
  step.shape = {n[0], n[1], n[2], n[3], n[4]};
  return CNNC_OK;
}

int run(void* state, void* const* args) {
  const auto& step = *static_cast<const ScatterStep*>(state);
  const ScatterShape& s = step.shape;
  if (args[0] != args[3]) {
    memcpy(args[3], args[0], static_cast<size_t>(s.batch * s.channels * s.rows * s.inner) *
                                 cnnc_dtype_bits(step.params.dtype) / 8);
  }
  scatter_rows(step.params.dtype, step.params.reduction, s, args[3],
               static_cast<const int64_t*>(args[1]), args[2]);
  return CNNC_OK;
}

} // namespace
} // namespace cnnc

extern "C" const cnnc_library_step cnnc_scatter_rows;
const cnnc_library_step cnnc_scatter_rows = {"scatter_rows", cnnc::prepare, cnnc::run, free};
