#include "ir/ops/packed_weights.h"

#include <algorithm>
#include <cstring>

namespace cnnc {

Scalars WeightPanels::place(const Scalar& o, const Scalar& i, const Scalar& tap) const {
  const Scalar size = Scalar::size(outputs_per_group()), width = Scalar::i64(nr);
  const Scalar in_group = groups == 1 ? o : rem(o, size);
  const Scalar group = groups == 1 ? Scalar::i64(0) : floor_div(o, size);
  return {group, floor_div(in_group, width), tap, i, rem(in_group, width)};
}

WeightPanels panels_of(const OpContext& c, size_t operand, const Dim& outputs, const Dim& channels,
                       const Dim& taps) {
  const Dims& dims = c.dims(operand);
  const bool ranked = dims.size() == 5 && dims[0].is_const() && dims[0].value() > 0 &&
                      dims[4].is_const() && dims[4].value() > 0;
  WeightPanels panels;
  panels.outputs = outputs;
  if (ranked) panels.groups = dims[0].value(), panels.nr = dims[4].value();
  c.require(ranked && dims[1] == panels.panels() && dims[2] == taps && dims[3] == channels,
            "the packed weights ", c.type(operand), " are not in panels [groups,panels,", taps, ",",
            channels, ",nr]; only the kernel they are packed for can read them");
  return panels;
}

Scalar flat_index(const Scalars& indices, const Dims& sizes) {
  Scalar flat = Scalar::i64(0);
  for (size_t i = 0; i < indices.size(); ++i) flat = flat * Scalar::size(sizes[i]) + indices[i];
  return flat;
}

Scalars split_index(const Scalar& flat, const Dims& sizes) {
  Scalars indices(sizes.size());
  Scalar rest = flat;
  for (size_t i = sizes.size(); i-- > 0;) {
    const Scalar size = Scalar::size(sizes[i]);
    indices[i] = sizes[i] == 1 ? Scalar::i64(0) : i == 0 ? rest : rem(rest, size);
    rest = floor_div(rest, size);
  }
  return indices;
}

Tensor unpack_panels(const Tensor& packed, int64_t outputs) {
  const Shape& s = packed.shape();
  const int64_t groups = s[0], panels = s[1], taps = s[2], channels = s[3], nr = s[4],
                per_group = outputs / groups;
  const size_t bytes = size_of(packed.dtype());
  Tensor result(packed.dtype(), {outputs, channels, taps});
  auto* to = static_cast<char*>(result.mutable_raw());
  const auto* from = static_cast<const char*>(packed.raw());
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t panel = o / per_group * panels + o % per_group / nr, lane = o % per_group % nr;
    for (int64_t i = 0; i < channels; ++i)
      for (int64_t t = 0; t < taps; ++t, to += bytes)
        std::memcpy(
            to, from + static_cast<size_t>(((panel * taps + t) * channels + i) * nr + lane) * bytes,
            bytes);
  }
  return result;
}

// ---- PackPanels
// ------------------------------------------------------------------------------------------------------

namespace {

// The weight operand seen as [O, I, taps].
struct PackedOperand {
  Dim outputs, channels, taps;
  Dims kernel;
  WeightPanels panels;
};

PackedOperand packed_operand(const OpContext& c) {
  const std::string& layout = c.text("layout");
  c.require(layout == "OI" || layout == "IO", "layout is ", quoted(layout), ", need OI or IO");
  c.require(c.rank() >= 2, "the weights ", c.type(), " have ", c.rank(), " axes, need at least 2");
  const bool outputs_first = layout == "OI";
  PackedOperand w;
  const int64_t groups = c.integer("group"), nr = c.integer("nr");
  c.require(groups >= 1 && nr >= 1, "group is ", groups, " and nr is ", nr,
            ", need positive numbers");
  c.require(Dim::mod(c.dims()[0], groups) == 0, c.dims()[0], outputs_first ? " output" : " input",
            " channels do not divide into ", groups, " groups");
  w.outputs = outputs_first ? c.dims()[0] : c.dims()[1] * groups;
  w.channels = outputs_first ? c.dims()[1] : Dim::floor_div(c.dims()[0], groups);
  w.kernel.assign(c.dims().begin() + 2, c.dims().end());
  w.taps = product(w.kernel);
  w.panels = {w.outputs, groups, nr};
  return w;
}

std::vector<Type> packed_type(const OpContext& c) {
  const PackedOperand w = packed_operand(c);
  return {{c.dtype(), {w.panels.groups, w.panels.panels(), w.taps, w.channels, w.panels.nr}}};
}

Scalar packed_element(const OpContext& c, const Scalars& at) {
  const PackedOperand w = packed_operand(c);
  const Scalar in_group = at[1] * Scalar::i64(w.panels.nr) + at[4];
  const auto of_all_groups = [&](const Dim& per_group, const Scalar& i) {
    return w.panels.groups == 1 ? i : at[0] * Scalar::size(per_group) + i;
  };
  Scalars indices = c.text("layout") == "OI"
                        ? Scalars{of_all_groups(w.panels.outputs_per_group(), in_group), at[3]}
                        : Scalars{of_all_groups(w.channels, at[3]), in_group};
  for (const Scalar& k : split_index(at[2], w.kernel)) indices.push_back(k);
  const Scalar weight = c.load(0, std::move(indices));
  if (w.panels.panels() * w.panels.nr == w.panels.outputs_per_group()) return weight;
  return select(in_group < Scalar::size(w.panels.outputs_per_group()), weight, weight.like(0));
}

// The same by plain loops: networks have tens of millions of weights.
std::vector<Tensor> pack(const Node& node, const std::vector<const Tensor*>& operands) {
  const Tensor& weights = *operands[0];
  const Shape& sizes = weights.shape();
  const bool outputs_first = node.string_attribute("layout") == "OI";
  const int64_t groups = node.int_attribute("group"), nr = node.int_attribute("nr");
  const int64_t per_group = outputs_first ? sizes[0] / groups : sizes[1];
  const int64_t channels = outputs_first ? sizes[1] : sizes[0] / groups;
  const int64_t taps = element_count(Shape(sizes.begin() + 2, sizes.end()));
  const int64_t outputs = groups * per_group, panels = (per_group + nr - 1) / nr;
  Tensor result(weights.dtype(), {groups, panels, taps, channels, nr});
  const int64_t output_stride = outputs_first ? channels * taps : taps;
  const int64_t channel_stride = outputs_first ? taps : per_group * taps;
  const size_t bytes = size_of(weights.dtype());
  const auto* from = static_cast<const char*>(weights.raw());
  auto* to = static_cast<char*>(result.mutable_raw());
  // Panel by panel, so that what is written stays in cache.
  for (int64_t first = 0; first < outputs;) {
    const int64_t in_group = first % per_group, panel = first / per_group * panels + in_group / nr;
    const int64_t lanes = std::min(nr, per_group - in_group);
    const int64_t group_offset = first / per_group * per_group * channels * taps;
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t i = 0; i < channels; ++i)
        for (int64_t lane = 0; lane < lanes; ++lane)
          std::memcpy(to + static_cast<size_t>(((panel * taps + t) * channels + i) * nr + lane) * bytes,
                      from + static_cast<size_t>(group_offset + (in_group + lane) * output_stride +
                                                 i * channel_stride + t) * bytes,
                      bytes);
    first += lanes;
  }
  return {std::move(result)};
}

}  // namespace

CNNC_OP(PackPanels)
    .doc(
        "Packs constant weights for the contraction kernels into panels of `nr` neighbouring "
        "output channels: "
        "[group, ceil((O / group) / nr), taps, I, nr], the last panel padded with zeros. The "
        "operand is [O, I, kernel...] "
        "(layout OI: convolutions, transposed matrices) or [I, O / group, kernel...] (layout IO: "
        "transposed convolutions, the right operand [K, N] of a "
        "matrix product). A depthwise convolution is packed with group 1.")
    .input("weights")
    .attribute("group", int64_t{1})
    .attribute("layout", std::string("OI"))
    .required_attribute("nr", int64_t{16})
    .infer(packed_type)
    .indexed(packed_element)
    .kernel(pack)
    .example({random(DType::f32, {6, 3, 2, 2})}, {{"nr", int64_t{4}}})
    .example({random(DType::f32, {8, 3, 3})}, {{"nr", int64_t{4}}, {"group", int64_t{2}}})
    .example({random(DType::f32, {75, 20, 3, 3})}, {{"nr", int64_t{32}}})
    .example({random(DType::f32, {20, 40, 3, 3})},
             {{"nr", int64_t{32}}, {"group", int64_t{2}}, {"layout", std::string("IO")}})
    .example({random(DType::f64, {5, 7})}, {{"nr", int64_t{4}}, {"layout", std::string("IO")}})
    .example({random(DType::f32, {4, 3, 2})},
             {{"nr", int64_t{2}}, {"group", int64_t{2}}, {"layout", std::string("IO")}});

}  // namespace cnnc
