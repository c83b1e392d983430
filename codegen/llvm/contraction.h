// Kernels for contractions: convolution, matrix product and depthwise convolution.
//
// Everything here emits finished vector IR into a function that the caller owns; no LLVM
// optimisation pass has to run afterwards. Work is divided into a flat space of tasks that may run
// in any order and on any number of threads: a task computes the same bits whoever runs it.
#pragma once

#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/IR/IRBuilder.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cnnc::codegen {

// What the tile choice must know of the target's vector unit.
struct VectorIsa {
  int f32_lanes = 4;
  int registers = 16;
  bool fma = false;
  bool masks = false;
};

inline constexpr VectorIsa kSse42{4, 16, false, false};
inline constexpr VectorIsa kAvx2{8, 16, true, false};
inline constexpr VectorIsa kAvx512{16, 32, true, true};

// To be called on every function that kernels are emitted into: 512-bit vectors stay whole, and the
// instruction scheduler keeps a tile in registers. (With the scheduling models of some CPUs, Ice
// Lake's for one, it moves loads so far up that half of the tile is spilled.)
void set_kernel_attributes(llvm::Function& function);

enum class FloatType { f32, f64 };

// A number of elements: a constant, or a 64-bit integer known when the kernel runs. For planning
// alone a run-time size needs no value yet.
class Size {
 public:
  Size() = default;
  Size(std::integral auto constant) : constant_(constant) {}
  Size(llvm::Value* value);
  static Size runtime() { return Size(static_cast<llvm::Value*>(nullptr)); }

  bool is_constant() const { return is_constant_; }
  bool is(int64_t value) const { return is_constant_ && constant_ == value; }
  int64_t constant() const { return constant_; }
  llvm::Value* emit(llvm::IRBuilderBase& builder) const;

 private:
  bool is_constant_ = true;
  int64_t constant_ = 0;
  llvm::Value* value_ = nullptr;
};

// One vector of results on its way to memory: `lanes` consecutive output channels of one pixel.
struct EpilogueContext {
  llvm::IRBuilderBase& builder;
  llvm::Value* batch;    // image, or the flat index of a batched matrix product
  llvm::Value* pixel;    // (od * OH + oh) * OW + ow within the image; the row of a matrix product
  llvm::Value* channel;  // first output channel; the column of a matrix product
  int lanes;
  llvm::Value* mask;   // <lanes x i1>, which lanes exist; null when all do
  llvm::Value* value;  // <lanes x float> or <lanes x double>
  llvm::Value* offset;  // elements from the start of the result to its place
  // od, oh, ow where the kernel walks over them; null where it walks over `pixel` (then divide).
  std::array<llvm::Value*, 3> position{};
};

// Returns the vector to store, of `lanes` elements of any type. It may load other operands at the
// place it is given, also from the memory that the result is stored to: each result is computed
// once. It stores further results itself.
using Epilogue = std::function<llvm::Value*(EpilogueContext&)>;

// How the outputs of an axis lie in the result, for a part of a transposed convolution: of stride s,
// it consists of s convolutions of stride 1, each of which gives every s-th output from every s-th
// tap of the weights, backwards. Phases that differ in nothing but their place share one code.
struct OutputPhases {
  int64_t count = 1;
  int64_t first = 0, step = 1;  // output i of phase p is at first + p + i * step of the result
  Size positions = 1;           // of the result
  Size position_stride = 0;     // elements between them
  // Tap k of phase p is first_tap + p * tap_shift + k * tap_step of the `taps` of the weights.
  int64_t taps = 1, first_tap = 0, tap_shift = 0, tap_step = 1;
};

// One spatial axis. output = floor((input + pad_begin + pad_end - dilation * (kernel - 1) - 1) /
// stride) + 1.
struct SpatialAxis {
  Size input = 1;
  Size output = 1;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
  Size input_stride = 0;  // elements between neighbours along this axis
  Size output_stride = 0;
  std::optional<OutputPhases> phases = std::nullopt;
};

// A convolution with constant, packed weights; also a matrix product C[M,N] = A[M,K] B[K,N] with
// constant B: width.input = width.output = M, channels = K, output_channels = N. Output channels
// are neighbours in memory; every other stride is free. All strides count elements.
struct ConvolutionSpec {
  FloatType type = FloatType::f32;
  Size batch = 1;
  Size input_batch_stride = 0;
  Size output_batch_stride = 0;
  std::array<SpatialAxis, 3> axes;  // depth, height, width; unused axes keep their defaults
  int64_t groups = 1;
  int64_t channels = 1;         // input channels of all groups
  int64_t output_channels = 1;  // of all groups
  Size channel_stride = 1;      // between input channels
  // Rows and planes follow each other without gaps in input and output, so that a 1x1 convolution
  // may walk over all pixels of an image as one row. Found by itself when all sizes are constants.
  bool dense_pixels = false;
};

// Tiling of a contraction. Everything is a constant, so that it may be chosen before code is
// emitted.
struct ContractionPlan {
  int lanes = 16;
  int vectors = 1;     // vectors of output channels in a tile
  int width = 1;       // largest number of pixels in a tile
  int64_t panels = 1;  // panels of nr() output channels, per group
  int64_t panels_per_task = 1;
  int64_t units_per_task =
      1;                // a unit is a row, or a tile (flat), or a pixel (flat, run-time size)
  bool flat = false;    // all pixels of an image form one row
  bool staged = false;  // a task first copies its input into scratch memory, with zero borders
  int64_t staged_channels = 0;  // elements between staged pixels

  int64_t nr() const { return int64_t{lanes} * vectors; }
};

// `vectors` is given where another convolution has decided it, whose weights this one shares.
ContractionPlan plan_convolution(const ConvolutionSpec& spec, const VectorIsa& isa,
                                 std::optional<int> vectors = std::nullopt);

// Number of elements of the packed weights: [groups][panels][kd*kh*kw][channels/groups][nr].
int64_t packed_weights_size(const ConvolutionSpec& spec, const ContractionPlan& plan);

// Where the weight of (output channel o, channel c within its group, tap t) goes. With
// og = o mod (O/g) and group = o div (O/g):
//   (((group * panels + og div nr) * taps + t) * (C/g) + c) * nr + og mod nr
// Places that no weight goes to hold zero.
int64_t packed_weight_index(const ConvolutionSpec& spec, const ContractionPlan& plan, int64_t o,
                            int64_t c, int64_t tap);

// Packs weights in ONNX order [O][C/g][taps]; `element_size` is 4 or 8.
void pack_weights(const ConvolutionSpec& spec, const ContractionPlan& plan, const void* weights,
                  void* packed);

// A function that the kernels of a program share: where none has the name yet, `emit` gives it its code.
using SharedFunction =
    std::function<llvm::Function*(const std::string& name, const std::vector<llvm::Type*>& params,
                                  llvm::function_ref<void(llvm::IRBuilderBase&, llvm::Function&)> emit)>;

// Pointers and task range of the kernel function that is being emitted.
struct KernelOperands {
  llvm::Value* input = nullptr;    // A
  llvm::Value* weights = nullptr;  // packed weights, or B
  llvm::Value* bias = nullptr;     // optional: output_channels elements added to every pixel
  llvm::Value* output = nullptr;
  llvm::Value* scratch = nullptr;  // of emit_*_scratch bytes, aligned to 64
  llvm::Value* begin = nullptr;    // i64, first task
  llvm::Value* end = nullptr;      // i64, one past the last
  SharedFunction shared_function;
};

llvm::Value* emit_convolution_tasks(llvm::IRBuilderBase&, const ConvolutionSpec&,
                                    const ContractionPlan&);
llvm::Value* emit_convolution_scratch(llvm::IRBuilderBase&, const ConvolutionSpec&,
                                      const ContractionPlan&);
// Emits the kernel at the builder's place and leaves the builder behind it. Without an epilogue the
// sums are stored as they are.
void emit_convolution(llvm::IRBuilderBase&, const ConvolutionSpec&, const ContractionPlan&,
                      const VectorIsa&, const KernelOperands&, const Epilogue& = nullptr);

// One batch axis of a matrix product; stride 0 broadcasts.
struct BatchAxis {
  Size extent = 1;
  Size a_stride = 0, b_stride = 0, output_stride = 0;
};

// Batched C[M,N] = A[M,K] B[K,N] where B is known only when the kernel runs. Output columns are
// neighbours in memory.
struct MatMulSpec {
  FloatType type = FloatType::f32;
  std::vector<BatchAxis> batch;
  Size m = 1, n = 1, k = 1;
  Size a_row_stride = 0, a_column_stride = 1;  // the other way round for a transposed A
  Size b_row_stride = 0, b_column_stride = 1;
  Size output_row_stride = 0;
  int results = 1;
  int divisions = 0;  // and square roots, in the epilogue of a vector
};

struct MatMulPlan {
  int lanes = 16;
  int vectors = 1;
  int width = 1;
  int64_t rows_per_task = 1;
  bool packed = true;  // B is copied into a panel in scratch memory; else it is read in place
  // The product of the transposed matrices is computed, in square tiles that are transposed before they are stored: A is
  // copied into panels, and B, which lies the wrong way for it, is read in place.
  bool transposed = false;
  bool pipelined = false;  // the results of a tile are computed between the multiplications of the next one

  int64_t nr() const { return int64_t{lanes} * vectors; }
};

MatMulPlan plan_matmul(const MatMulSpec& spec, const VectorIsa& isa);
llvm::Value* emit_matmul_tasks(llvm::IRBuilderBase&, const MatMulSpec&, const MatMulPlan&);
llvm::Value* emit_matmul_scratch(llvm::IRBuilderBase&, const MatMulSpec&, const MatMulPlan&);
void emit_matmul(llvm::IRBuilderBase&, const MatMulSpec&, const MatMulPlan&, const VectorIsa&,
                 const KernelOperands&, const Epilogue& = nullptr);

// Depthwise convolution, also with a channel multiplier, and other narrow groups. Weights are
// packed as [ceil(O/lanes)][kd*kh*kw][C/g][lanes].
struct DepthwisePlan {
  int lanes = 16;
  int width = 1;  // pixels of a row that are computed together
  int64_t rows_per_task = 1;
  int64_t blocks_per_task = 1;  // blocks of `lanes` output channels
  int64_t blocks = 1;
};

// Says in one sentence why the depthwise kernel cannot do it; nothing when it can.
std::optional<std::string> depthwise_refusal(const ConvolutionSpec& spec);
DepthwisePlan plan_depthwise(const ConvolutionSpec& spec, const VectorIsa& isa);
int64_t packed_depthwise_size(const ConvolutionSpec& spec, const DepthwisePlan& plan);
// The weight of output channel o, channel c within its group and tap t goes to
//   (((o div lanes) * taps + t) * (C/g) + c) * lanes + o mod lanes
// Places that no weight goes to hold zero.
void pack_depthwise_weights(const ConvolutionSpec& spec, const DepthwisePlan& plan,
                            const void* weights, void* packed);
llvm::Value* emit_depthwise_tasks(llvm::IRBuilderBase&, const ConvolutionSpec&,
                                  const DepthwisePlan&);
void emit_depthwise(llvm::IRBuilderBase&, const ConvolutionSpec&, const DepthwisePlan&,
                    const VectorIsa&, const KernelOperands&, const Epilogue& = nullptr);

}  // namespace cnnc::codegen
