// The register tile: `width` pixels times `vectors` vectors of output channels, summed over all
// taps and input channels in registers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/loop_builder.h"

namespace cnnc::codegen {

struct IndexRange {
  llvm::Value* begin;
  llvm::Value* end;
};

// Memory that later tiles need, fetched in even portions while this one is computed.
struct PrefetchStream {
  llvm::Value* start = nullptr;
  int64_t bytes_per_step = 0;
  int locality = 3;  // 3: into the first-level cache, 2: into the second
};

// Other work that is done in `portions` even portions between the steps of the reduction, so that both run at once.
struct InterleavedWork {
  int64_t portions = 0;
  std::function<void(llvm::Value* portion)> emit;
};

struct Tile {
  int width = 1;
  int vectors = 1;

  // Input: element of pixel 0 under tap (0, 0, 0), channel 0, and the distances in elements.
  llvm::Value* input = nullptr;
  llvm::Value* pixel_stride = nullptr;
  llvm::Value* channel_stride = nullptr;
  std::array<llvm::Value*, 3> tap_strides{};

  // Weights: `vectors` vectors for each step of the reduction (tap, then channel).
  llvm::Value* weights = nullptr;
  llvm::Value* step_stride = nullptr;
  std::array<llvm::Value*, 3> weight_strides{};  // between taps
  std::vector<llvm::Value*> weight_masks;  // lanes that may be read; empty when all may

  IndexRange depth_taps{};
  IndexRange height_taps{};
  // For every column of the kernel the pixels (bit i for pixel i) that have input under it.
  std::vector<uint64_t> columns;
  llvm::Value* channels = nullptr;
  std::vector<PrefetchStream> prefetch;
  InterleavedWork interleaved;  // for a single tap and a known number of channels, not less than the portions
};

// Frozen, a pointer or a number is no induction variable for loop strength reduction, which would find nothing to improve in
// our loops and take longer than all other passes.
llvm::Value* hide_from_loop_passes(llvm::IRBuilderBase&, llvm::Value* value);

void emit_prefetch(llvm::IRBuilderBase&, llvm::Value* pointer, bool write, int locality);

// Steps of the reduction that one turn of the innermost loop takes.
int reduction_unroll(int multiplications_per_step);

// Emits the sums; `sums` (width * vectors values, pixel by pixel) is what they start from.
Values emit_tile(llvm::IRBuilderBase&, const VectorIsa&, const Tile&, const Values& sums);

// Where the results of a tile go.
struct TileOutput {
  llvm::Value* base = nullptr;
  llvm::Value* offset = nullptr;        // elements from base to pixel 0, first channel
  llvm::Value* pixel_stride = nullptr;  // elements
  std::vector<llvm::Value*> masks;      // per vector; null entries mean all lanes
  llvm::Value* batch = nullptr;
  llvm::Value* pixel = nullptr;    // index of pixel 0
  int64_t pixel_step = 1;          // between the indices of pixels
  llvm::Value* channel = nullptr;  // of the first vector
  std::array<llvm::Value*, 3> position{};
};

void emit_tile_stores(llvm::IRBuilderBase&, int width, int vectors, const Values& sums,
                      const TileOutput&, const Epilogue&);

llvm::Type* element_type(llvm::IRBuilderBase&, FloatType);
int lanes_of(const VectorIsa&, FloatType);
int element_size(FloatType);
llvm::Value* multiply_add(llvm::IRBuilderBase&, const VectorIsa&, llvm::Value* x, llvm::Value* y,
                          llvm::Value* sum);
llvm::Value* load_lanes(llvm::IRBuilderBase&, llvm::Type* vector, llvm::Value* pointer,
                        llvm::Value* mask);
// Lanes of vector `vector` of a panel of `vectors` vectors, which begins at output channel `first` of `outputs`, that hold one;
// null where the vector is whole in every panel.
llvm::Value* panel_mask(llvm::IRBuilderBase&, int lanes, int vectors, int64_t outputs, llvm::Value* first, int vector);
// `mask` is null where all lanes exist.
void store_lanes(llvm::IRBuilderBase&, llvm::Value* value, llvm::Value* pointer, llvm::Value* mask);

}  // namespace cnnc::codegen
