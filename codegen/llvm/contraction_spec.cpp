#include "codegen/llvm/contraction_spec.h"

#include <algorithm>

#include "ir/affine.h"
#include "codegen/llvm/winograd.h"
#include "codegen/packing.h"
#include "ir/error.h"
#include "ir/op_def.h"
#include "ir/ops/convolution.h"
#include "ir/scalar_sharing.h"

namespace cnnc::codegen {

static bool transposes(const Node& matmul, const char* attribute) {
  return matmul.attribute(attribute) != nullptr && matmul.int_attribute(attribute) != 0;
}

static bool has_packed_weights(const Node& node) { return node.attributes().count("weight_shape") != 0; }

// Logical sizes [K, N] of the right operand of a product with constant weights.
static Dims product_weights(const ContractionView& view) {
  if (has_packed_weights(*view.root)) return to_dims(view.root->ints_attribute("weight_shape"));
  Dims dims = view.operands[1].dims;
  if (transposes(*view.root, "transB")) std::swap(dims[0], dims[1]);
  return dims;
}

// An operand of a product as [batch..., rows, columns] with its strides; a vector is one row (A) or one column (B).
static StridedOperand as_matrices(const ContractionView& view, size_t i) {
  StridedOperand m = view.operands[i];
  const bool vector = m.dims.size() == 1;
  if (vector) {
    m.dims.insert(i == 0 ? m.dims.begin() : m.dims.end(), 1);
    m.strides.insert(i == 0 ? m.strides.begin() : m.strides.end(), 0);
  } else if (transposes(*view.root, i == 0 ? "transA" : "transB")) {
    std::swap(m.dims[m.dims.size() - 1], m.dims[m.dims.size() - 2]);
    std::swap(m.strides[m.dims.size() - 1], m.strides[m.dims.size() - 2]);
  }
  return m;
}

// Whether axes first..last of an operand are walked with one stride.
static bool axes_join(const StridedOperand& m, size_t first, size_t last) {
  for (size_t a = first; a < last; ++a)
    if (!(m.dims[a] == 1) && !(m.strides[a] == m.strides[a + 1] * m.dims[a + 1])) return false;
  return true;
}

bool rows_join(const ContractionView& view) {
  const StridedOperand a = as_matrices(view, 0);
  return axes_join(a, 0, a.dims.size() - 2);
}

ResultAxes result_axes(const ContractionView& view) {
  ResultAxes axes;
  const int rank = view.root_type.rank();
  if (!view.root->is("MatMul")) {
    axes.batch = {0};
    for (int a = 1; a + 1 < rank; ++a) axes.pixel.push_back(a);
    return axes;
  }
  const bool packed = has_packed_weights(*view.root);
  const bool joined = packed && rows_join(view);
  for (int a = 0; a + 1 < rank; ++a) (joined || a + 2 == rank ? axes.pixel : axes.batch).push_back(a);
  return axes;
}

static FloatType float_type(const ContractionView& view) {
  return view.root_type.dtype == DType::f64 ? FloatType::f64 : FloatType::f32;
}

static Dim joint_extent(const Dims& dims, size_t first, size_t last) {
  return product(Dims(dims.begin() + static_cast<long>(first), dims.begin() + static_cast<long>(last)));
}

// A product with packed weights: rows are the pixels of a 1x1 convolution.
static ConvolutionSpec product_spec(const ContractionView& view, const SizeOf& size) {
  const StridedOperand a = as_matrices(view, 0);
  const Dims weights = product_weights(view);
  const size_t row = a.dims.size() - 2;
  const bool joined = rows_join(view);
  const Dim rows = joined ? joint_extent(a.dims, 0, row + 1) : a.dims[row];
  ConvolutionSpec spec;
  spec.type = float_type(view);
  if (!joined) {
    spec.batch = size(joint_extent(a.dims, 0, row));
    spec.input_batch_stride = size(a.strides[row - 1]);
    spec.output_batch_stride = size(a.dims[row] * weights[1]);
  }
  SpatialAxis& width = spec.axes[2];
  width.input = width.output = size(rows);
  width.input_stride = size(a.strides[row]);
  width.output_stride = size(weights[1]);
  spec.channels = weights[0].value();
  spec.output_channels = weights[1].value();
  spec.channel_stride = size(a.strides[row + 1]);
  return spec;
}

static Convolution geometry_of(const ContractionView& view) {
  const OpContext c(*view.root);
  return view.root->is("Conv") ? conv_geometry(c) : conv_transpose_geometry(c);
}

// All but the spatial axes.
static ConvolutionSpec without_axes(const ContractionView& view, const Convolution& conv, const SizeOf& size) {
  ConvolutionSpec spec;
  spec.type = float_type(view);
  spec.batch = size(conv.batch);
  spec.input_batch_stride = size(view.operands[0].strides[0]);
  spec.output_batch_stride = size(dense_strides(view.root_type.dims)[0]);
  spec.groups = conv.groups;
  spec.channels = conv.channels.value();
  spec.output_channels = conv.output_channels.value();
  spec.channel_stride = size(view.operands[0].strides.back());
  return spec;
}

static ConvolutionSpec convolution_spec(const ContractionView& view, const Convolution& conv, const SizeOf& size) {
  const Dims& strides = view.operands[0].strides;
  const Dims out = dense_strides(view.root_type.dims);
  ConvolutionSpec spec = without_axes(view, conv, size);
  const size_t count = conv.window.size();
  for (size_t i = 0; i < count; ++i) {
    const WindowAxis& from = conv.window[i];
    SpatialAxis& axis = spec.axes[3 - count + i];
    axis.input = size(from.input);
    axis.output = size(from.output);
    axis.kernel = from.kernel.value();
    axis.stride = from.stride;
    axis.dilation = from.dilation;
    axis.pad_begin = from.pad_begin.value();
    axis.pad_end = from.pad_end.value();
    axis.input_stride = size(strides[1 + i]);
    axis.output_stride = size(out[1 + i]);
  }
  const bool joins = axes_join(view.operands[0], 1, count);
  bool same = true;
  for (const WindowAxis& axis : conv.window) same = same && axis.input == axis.output;
  spec.dense_pixels = joins && same;
  return spec;
}

std::vector<ConvolutionSpec> convolution_specs(const ContractionView& view, const SizeOf& size) {
  if (view.root->is("MatMul")) return {product_spec(view, size)};
  const Convolution conv = geometry_of(view);
  if (view.root->is("Conv")) return {convolution_spec(view, conv, size)};
  return transposed_parts(view, conv.window, without_axes(view, conv, size), size);
}

// That with the most taps.
static const ConvolutionSpec& main_part(const std::vector<ConvolutionSpec>& specs) {
  const auto taps = [](const ConvolutionSpec& s) { return s.axes[0].kernel * s.axes[1].kernel * s.axes[2].kernel; };
  return *std::max_element(specs.begin(), specs.end(), [&](const auto& a, const auto& b) { return taps(a) < taps(b); });
}

std::vector<ContractionPlan> plan_convolutions(const std::vector<ConvolutionSpec>& specs, const VectorIsa& isa) {
  const int vectors = plan_convolution(main_part(specs), isa).vectors;
  std::vector<ContractionPlan> plans;
  for (const ConvolutionSpec& spec : specs) plans.push_back(plan_convolution(spec, isa, vectors));
  return plans;
}

static int divisions_of(const ContractionView& view) {
  int count = 0;
  for (const Scalar& result : with_equal_parts_shared(view.results))
    visit(result, [&](const Scalar& e) { count += is_float(e.dtype()) && (e.op() == ScalarOp::div || e.op() == ScalarOp::sqrt); });
  return count;
}

MatMulSpec matmul_spec(const ContractionView& view, const SizeOf& size) {
  const StridedOperand a = as_matrices(view, 0), b = as_matrices(view, 1);
  const Dims out = dense_strides(view.root_type.dims);
  const size_t batches = view.root_type.dims.size() - 2;
  MatMulSpec spec;
  spec.type = float_type(view);
  for (size_t i = 0; i < batches; ++i) {
    auto stride = [&](const StridedOperand& m) {
      const size_t own = m.dims.size() - 2;
      if (i + own < batches) return Dim(0);
      const size_t axis = i + own - batches;
      return m.dims[axis] == 1 ? Dim(0) : m.strides[axis];
    };
    spec.batch.push_back({size(view.root_type.dims[i]), size(stride(a)), size(stride(b)), size(out[i])});
  }
  const size_t ra = a.dims.size() - 2, rb = b.dims.size() - 2;
  spec.m = size(a.dims[ra]);
  spec.k = size(a.dims[ra + 1]);
  spec.n = size(b.dims[rb + 1]);
  spec.a_row_stride = size(a.strides[ra]);
  spec.a_column_stride = size(a.strides[ra + 1]);
  spec.b_row_stride = size(b.strides[rb]);
  spec.b_column_stride = size(b.strides[rb + 1]);
  spec.output_row_stride = size(out[batches]);
  spec.results = std::max(1, static_cast<int>(view.results.size()));
  spec.divisions = divisions_of(view);
  return spec;
}

// ---- what the kernels take -------------------------------------------------------------------------------------------

static VectorIsa isa_of(const TargetSpec& target) {
  return {target.f32_lanes, target.registers, target.fma, target.masks};
}

static std::optional<std::string> type_refusal(const ContractionView& view) {
  const DType t = view.root_type.dtype;
  if (t == DType::f32 || t == DType::f64) return std::nullopt;
  return cat("it computes f32 and f64, this is ", name_of(t));
}

static std::optional<std::string> convolution_refusal(const ContractionView& view) {
  if (view.results.size() > 1) return "it has several results";
  if (view.root->int_attribute("channels_last") == 0) return "the activations are not channels-last";
  const Convolution conv = geometry_of(view);
  if (conv.window.size() > 3) return cat("it has ", conv.window.size(), " spatial axes, at most 3 are supported");
  if (!conv.channels.is_const() || !conv.output_channels.is_const()) return "the number of channels is symbolic";
  for (const WindowAxis& axis : conv.window)
    if (!axis.kernel.is_const() || !axis.pad_begin.is_const() || !axis.pad_end.is_const())
      return "kernel or padding have symbolic sizes";
  return std::nullopt;
}

std::optional<std::string> contract_refusal(const ContractionView& view, const TargetSpec&) {
  if (auto refusal = type_refusal(view)) return refusal;
  if (!view.root->is("MatMul")) return convolution_refusal(view);
  if (view.results.size() > 1) return "it has several results";
  if (!has_packed_weights(*view.root) && view.operands[1].dims.size() != 2) return "B is no matrix";
  for (const Dim& d : product_weights(view))
    if (!d.is_const()) return "B has symbolic sizes";
  const StridedOperand a = as_matrices(view, 0);
  if (!rows_join(view) && !axes_join(a, 0, a.dims.size() - 3)) return "the batches of A lie scattered";
  if (view.operands[0].dims.size() == 1) return "A is a vector";
  return std::nullopt;
}

std::optional<std::string> depthwise_refusal(const ContractionView& view, const TargetSpec&) {
  if (auto refusal = type_refusal(view)) return refusal;
  if (view.root->is("MatMul")) return "it is no convolution";
  if (auto refusal = convolution_refusal(view)) return refusal;
  const ConvolutionSpec spec = convolution_specs(view, planning_size).front();
  if (view.root->is("ConvTranspose") && (spec.channels != spec.groups || spec.output_channels != spec.groups))
    return "it is transposed, and its groups have several channels";
  return depthwise_refusal(spec);
}

std::optional<std::string> winograd_refusal(const ContractionView& view, const TargetSpec& target) {
  if (auto refusal = type_refusal(view)) return refusal;
  if (view.root->is("MatMul")) return "it is no convolution";
  if (auto refusal = convolution_refusal(view)) return refusal;
  const std::vector<ConvolutionSpec> specs = convolution_specs(view, planning_size);
  if (specs.size() > 1) return "it is transposed with a stride";
  return winograd_refusal(specs.front(), isa_of(target));
}

std::optional<std::string> matmul_refusal(const ContractionView& view) {
  if (auto refusal = type_refusal(view)) return refusal;
  if (!view.root->is("MatMul")) return "it is no matrix product";
  if (has_packed_weights(*view.root)) return "B is packed for another kernel";
  if (view.operands[0].dims.size() == 1 || view.operands[1].dims.size() == 1) return "an operand is a vector";
  // A batch axis of unknown size may be 1 in one operand, which only the loops check while running.
  const StridedOperand a = as_matrices(view, 0), b = as_matrices(view, 1);
  const Dims& out = view.root_type.dims;
  for (const StridedOperand* m : {&a, &b})
    for (size_t i = 0; i + 2 < m->dims.size(); ++i)
      if (!(m->dims[i] == 1) && !(m->dims[i] == out[out.size() - m->dims.size() + i]))
        return "whether its batch axes broadcast is known only at run time";
  return std::nullopt;
}

PanelPacking contract_packing(const ContractionView& view, const TargetSpec& target) {
  const std::vector<ConvolutionSpec> specs = convolution_specs(view, planning_size);
  PanelPacking packing;
  packing.groups = specs.front().groups;
  packing.nr = plan_convolutions(specs, isa_of(target)).front().nr();
  if (view.root->is("ConvTranspose")) packing.layout = "IO";
  if (view.root->is("MatMul")) packing.layout = transposes(*view.root, "transB") ? "OI" : "IO";
  return packing;
}

PanelPacking winograd_packing(const ContractionView& view, const TargetSpec& target) {
  const WinogradPlan plan = plan_winograd(convolution_specs(view, planning_size).front(), isa_of(target));
  return {1, plan.nr(), view.root->is("ConvTranspose") ? "IO" : "OI"};
}

PanelPacking depthwise_packing(const ContractionView& view, const TargetSpec& target) {
  return {1, plan_depthwise(convolution_specs(view, planning_size).front(), isa_of(target)).lanes, "OI"};
}

}  // namespace cnnc::codegen
