#include "codegen/dnnl/steps.h"

#include <cstring>

#include "codegen/dnnl/post_ops.h"
#include "ir/affine.h"
#include "ir/contraction_view.h"
#include "ir/error.h"
#include "ir/op_def.h"
#include "ir/ops/convolution.h"

namespace cnnc::codegen {

bool is_dnnl_kernel(const std::string& kernel) { return kernel.rfind("dnnl:", 0) == 0; }
bool is_dnnl_symbol(const std::string& symbol) { return symbol.rfind("cnnc_dnnl_", 0) == 0; }

namespace {

template <typename Params>
std::vector<uint8_t> blob(const Params& params) {
  std::vector<uint8_t> bytes(sizeof params);
  std::memcpy(bytes.data(), &params, sizeof params);
  return bytes;
}

[[noreturn]] void refuse(const std::string& why) { throw DnnlRefusal{why}; }

void require_f32(const Node& node) {
  for (const Value* v : node.inputs())
    if (v && v->dtype() != DType::f32) refuse(cat("it computes f32, an operand is ", name_of(v->dtype())));
  if (node.output()->dtype() != DType::f32) refuse("its result is not f32");
}

// The body is [root, post-ops]: operands in front of it must be read as they are.
const ContractionView contraction_of(const Node& node, const char* op) {
  std::string why_not;
  auto view = contraction_view(node, &why_not);
  if (!view) refuse(why_not);
  if (view->results.size() > 1) refuse("it has several results");
  if (!view->root->is(op)) refuse(cat("it computes ", op, ", this is ", view->root->op_name()));
  if (view->root->attributes().count("weight_shape")) refuse("its weights are packed for another kernel");
  return *std::move(view);
}

bool is_dense(const StridedOperand& operand) { return operand.strides == dense_strides(operand.dims); }

// Sizes in oneDNN's order: N, C, spatial.
void add_sizes(const Dims& dims, bool channels_last, Dims& sizes) {
  sizes.push_back(dims[0]);
  if (channels_last) sizes.push_back(dims.back());
  for (size_t i = 1; i + (channels_last ? 1 : 0) < dims.size(); ++i) sizes.push_back(dims[i]);
}

template <typename Params>
void copy_window(const Window& window, Params& params) {
  if (window.size() > 3) refuse(cat("it has ", window.size(), " spatial axes, at most 3 are supported"));
  for (size_t i = 0; i < window.size(); ++i) {
    const WindowAxis& axis = window[i];
    if (!axis.kernel.is_const() || !axis.pad_begin.is_const() || !axis.pad_end.is_const())
      refuse("kernel or padding have symbolic sizes");
    params.strides[i] = axis.stride;
    params.dilations[i] = axis.dilation;
    params.pads_begin[i] = axis.pad_begin.value();
    params.pads_end[i] = axis.pad_end.value();
  }
}

LibraryCall convolution(const Node& node) {
  require_f32(node);
  const ContractionView view = contraction_of(node, "Conv");
  const Node& root = *view.root;
  if (!is_dense(view.operands[0]) || !is_dense(view.operands[1])) refuse("an operand is transposed in the body");
  const Convolution conv = conv_geometry(OpContext(root));
  DnnlConvolutionParams params{};
  params.rank = static_cast<uint32_t>(root.input(0)->rank());
  params.groups = static_cast<uint32_t>(conv.groups);
  params.channels_last = conv.layout.channels_last;
  const Dims weights = conv_weight_sizes(OpContext(root));
  for (size_t i = 0; i < weights.size() && i < 5; ++i) {
    if (!weights[i].is_const()) refuse("its weights have symbolic sizes");
    params.weights[i] = weights[i].value();
  }
  copy_window(conv.window, params);
  LibraryCall call{"cnnc_dnnl_convolution", {}, {view.operands[0].operand, view.operands[1].operand}, {}};
  if (view.operands.size() > 2 && view.operands[2].operand >= 0) {
    params.epilogue.has_bias = 1;
    call.operands.push_back(view.operands[2].operand);
  }
  add_post_ops(node, view, params.epilogue, call.operands);
  add_sizes(view.operands[0].dims, conv.layout.channels_last, call.sizes);
  add_sizes(view.root_type.dims, conv.layout.channels_last, call.sizes);
  call.params = blob(params);
  return call;
}

bool transposes(const Node& matmul, const char* attribute) {
  return matmul.attribute(attribute) != nullptr && matmul.int_attribute(attribute) != 0;
}

LibraryCall matmul(const Node& node) {
  require_f32(node);
  const ContractionView view = contraction_of(node, "MatMul");
  if (!is_dense(view.operands[0]) || !is_dense(view.operands[1])) refuse("an operand is transposed in the body");
  const size_t rank = view.root_type.dims.size();
  if (view.operands[0].dims.size() < 2 || view.operands[1].dims.size() < 2) refuse("an operand is a vector");
  if (rank > 12) refuse(cat("it has ", rank, " axes, at most 12 are supported"));
  DnnlMatmulParams params{};
  params.rank = static_cast<uint32_t>(rank);
  params.transposed_src = transposes(*view.root, "transA");
  params.transposed_weights = transposes(*view.root, "transB");
  LibraryCall call{"cnnc_dnnl_matmul", {}, {view.operands[0].operand, view.operands[1].operand}, {}};
  for (size_t i = 0; i < 2; ++i) {
    Dims dims = view.operands[i].dims;
    if (i == 0 ? params.transposed_src : params.transposed_weights) std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
    dims.insert(dims.begin(), rank - dims.size(), 1);
    call.sizes.insert(call.sizes.end(), dims.begin(), dims.end());
  }
  call.sizes.insert(call.sizes.end(), view.root_type.dims.begin(), view.root_type.dims.end());
  add_post_ops(node, view, params.epilogue, call.operands);
  call.params = blob(params);
  return call;
}

// oneDNN wants the windows to fill the padded input exactly; with ceil_mode the last one may overrun it.
void pad_to_last_window(const Window& window, DnnlPoolingParams& params) {
  for (size_t i = 0; i < window.size(); ++i) {
    const WindowAxis& axis = window[i];
    const Dim overrun = (axis.output - 1) * axis.stride + axis.extent() - axis.input - axis.pad_begin;
    if (!overrun.is_const()) refuse("with ceil_mode the sizes must be known");
    params.pads_end[i] = overrun.value();
  }
}

LibraryCall pooling(const Node& node) {
  if (!node.is("MaxPool") && !node.is("AveragePool")) refuse(cat("it pools, this is ", node.op_name()));
  require_f32(node);
  if (node.output_count() > 1 && node.output(1)->use_count() > 0) refuse("the indices are used");
  const OpContext c(node);
  const ChannelLayout layout = channel_layout(c);
  const Ints kernel = c.integers("kernel_shape");
  const Window window = window_of(c, layout.spatial_dims(c.dims()), to_dims(kernel));
  DnnlPoolingParams params{};
  params.rank = static_cast<uint32_t>(c.rank());
  const bool counts_padding = node.is("AveragePool") && c.integer("count_include_pad") != 0;
  params.kind = node.is("MaxPool") ? kDnnlMax : counts_padding ? kDnnlAverageWithPadding : kDnnlAverage;
  params.channels_last = layout.channels_last;
  copy_window(window, params);
  // oneDNN derives the padding at the end from the sizes: with ceil_mode that is more than ONNX counts.
  if (counts_padding && c.integer("ceil_mode") != 0) refuse("with ceil_mode the padding is counted differently");
  for (size_t i = 0; i < kernel.size(); ++i) params.kernel[i] = kernel[i];
  if (c.integer("ceil_mode") != 0) pad_to_last_window(window, params);
  LibraryCall call{"cnnc_dnnl_pooling", blob(params), {0}, {}};
  add_sizes(c.dims(), layout.channels_last, call.sizes);
  add_sizes(node.output()->type().dims, layout.channels_last, call.sizes);
  return call;
}

}  // namespace

LibraryCall dnnl_call(const std::string& kernel, const Node& node) {
  if (kernel == "dnnl:convolution") return convolution(node);
  if (kernel == "dnnl:matmul") return matmul(node);
  CNNC_CHECK(kernel == "dnnl:pooling") << "there is no kernel " << kernel;
  return pooling(node);
}

std::optional<std::string> dnnl_refusal(const std::string& kernel, const Node& node) {
  try {
    dnnl_call(kernel, node);
    return std::nullopt;
  } catch (const DnnlRefusal& refusal) {
    return refusal.why;
  }
}

}  // namespace cnnc::codegen
