#include "ir/ops/window.h"

namespace cnnc {

Dims ChannelLayout::spatial_dims(const Dims& dims) const {
  Dims result;
  for (int i = 0; i < spatial_rank(); ++i) result.push_back(dims[static_cast<size_t>(spatial(i))]);
  return result;
}

template <typename T>
static std::vector<T> arranged(bool channels_last, const T& batch, const T& channel,
                               const std::vector<T>& spatial) {
  std::vector<T> result{batch};
  if (!channels_last) result.push_back(channel);
  result.insert(result.end(), spatial.begin(), spatial.end());
  if (channels_last) result.push_back(channel);
  return result;
}

Dims ChannelLayout::dims(const Dim& batch, const Dim& channels, const Dims& spatial) const {
  return arranged(channels_last, batch, channels, spatial);
}

Scalars ChannelLayout::indices(const Scalar& batch, const Scalar& channel,
                               const Scalars& spatial) const {
  return arranged(channels_last, batch, channel, spatial);
}

ChannelLayout channel_layout(const OpContext& c) {
  c.require(c.rank() >= 3, "the input ", c.type(), " has ", c.rank(),
            " axes, need batch, channels and at least one spatial axis");
  const bool channels_last =
      c.node().attribute("channels_last") != nullptr && c.integer("channels_last") != 0;
  return {c.rank(), channels_last};
}

Scalar WindowAxis::position(const Scalar& out, const Scalar& tap) const {
  return out * Scalar::i64(stride) + tap * Scalar::i64(dilation) - Scalar::size(pad_begin);
}

Scalar WindowAxis::inside(const Scalar& position) const {
  Scalar result;
  const auto pad = pad_begin.upper_bound();
  if (!pad || *pad > 0) result = position >= Scalar::i64(0);
  const Dim last = (output - 1) * stride + (kernel - 1) * dilation - pad_begin;
  const auto room = (input - last).lower_bound();
  if (room && *room >= 1) return result;
  const Scalar below = position < Scalar::size(input);
  return result ? result && below : below;
}

// Beyond this no tensor can be, and products of two still fit 64 bits.
static constexpr int64_t kLimit = int64_t{1} << 31;

Ints per_axis(const OpContext& c, std::string_view name, size_t count) {
  const Ints values = c.node().attribute(name) ? c.integers(name) : Ints{};
  if (values.empty()) return Ints(count, 1);
  c.require(values.size() == count, name, " has ", values.size(), " numbers, need ", count,
            ", one for each spatial axis");
  for (int64_t v : values)
    c.require(v >= 1 && v < kLimit, name, " holds ", v, ", need positive numbers");
  return values;
}

Ints pads_of(const OpContext& c, size_t count) {
  const Ints pads = c.node().attribute("pads") ? c.integers("pads") : Ints{};
  if (pads.empty()) return Ints(2 * count, 0);
  c.require(pads.size() == 2 * count, "pads has ", pads.size(), " numbers, need ", 2 * count,
            ", a begin and an end for each spatial axis");
  for (int64_t p : pads) c.require(p >= 0 && p < kLimit, "pads holds ", p, ", need numbers from 0");
  return pads;
}

void divide_padding(WindowAxis& axis, const Dim& total, const std::string& auto_pad) {
  const Dim half = Dim::floor_div(total, 2);
  axis.pad_begin = auto_pad == "SAME_UPPER" ? half : total - half;
  axis.pad_end = total - axis.pad_begin;
}

static void place_same(WindowAxis& axis, const std::string& auto_pad) {
  axis.output = Dim::ceil_div(axis.input, axis.stride);
  divide_padding(axis, Dim::max((axis.output - 1) * axis.stride + axis.extent() - axis.input, 0),
                 auto_pad);
}

static void place_padded(const OpContext& c, WindowAxis& axis, bool ceil_mode) {
  const Dim room = axis.input + axis.pad_begin + axis.pad_end - axis.extent();
  const auto most = room.upper_bound();
  c.require(!most || *most >= 0, "a window of ", axis.extent(), " elements does not fit ",
            axis.input, " elements with padding ", axis.pad_begin, " and ", axis.pad_end);
  axis.output = Dim::floor_div(room, axis.stride) + 1;
  if (!ceil_mode) return;
  axis.output = Dim::ceil_div(room, axis.stride) + 1;
  // The number of windows that start before the padding at the end.
  axis.output = Dim::min(axis.output, Dim::ceil_div(axis.input + axis.pad_begin, axis.stride));
}

Window window_of(const OpContext& c, const Dims& spatial, const Dims& kernel) {
  const size_t n = spatial.size();
  const Ints strides = per_axis(c, "strides", n), dilations = per_axis(c, "dilations", n),
             pads = pads_of(c, n);
  const std::string& auto_pad = c.text("auto_pad");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  c.require(same || auto_pad == "NOTSET" || auto_pad == "VALID" || auto_pad.empty(), "auto_pad is ",
            quoted(auto_pad), ", need NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  const bool ceil_mode = c.node().attribute("ceil_mode") != nullptr && c.integer("ceil_mode") != 0;
  Window window(n);
  for (size_t i = 0; i < n; ++i) {
    WindowAxis& axis = window[i];
    axis.input = spatial[i];
    axis.kernel = kernel[i];
    axis.stride = strides[i];
    axis.dilation = dilations[i];
    if (auto_pad != "VALID") axis.pad_begin = pads[i], axis.pad_end = pads[n + i];
    if (same)
      place_same(axis, auto_pad);
    else
      place_padded(c, axis, ceil_mode);
  }
  return window;
}

Dims output_sizes(const Window& window) {
  Dims sizes;
  for (const WindowAxis& axis : window) sizes.push_back(axis.output);
  return sizes;
}

Dims kernel_sizes(const Window& window) {
  Dims sizes;
  for (const WindowAxis& axis : window) sizes.push_back(axis.kernel);
  return sizes;
}

Scalars positions(const Window& window, const Scalars& outs, const Scalars& taps) {
  Scalars result;
  for (size_t i = 0; i < window.size(); ++i) result.push_back(window[i].position(outs[i], taps[i]));
  return result;
}

Scalar all_inside(const Window& window, const Scalars& positions) {
  Scalar result;
  for (size_t i = 0; i < window.size(); ++i) {
    const Scalar inside = window[i].inside(positions[i]);
    if (inside) result = result ? result && inside : inside;
  }
  return result;
}

}  // namespace cnnc
