#include "runtime/kernels/convolution.h"

#include <algorithm>

#include "runtime/kernels/matmul.h"

namespace cnnc {

namespace {

// Gathers the inputs of a block of output pixels into a [channels * taps][kBlockColumns] matrix.
template <typename T>
class BlockGather {
 public:
  explicit BlockGather(const ConvolutionShape& s) : s_(s) {
    for (const ConvolutionAxis& axis : s.axes) taps_ *= axis.kernel, pixels_ *= axis.output;
    block_.resize(static_cast<size_t>(depth() * kBlockColumns));
    offsets_.resize(static_cast<size_t>(taps_ * kBlockColumns));
  }

  int64_t depth() const { return s_.channels * taps_; }
  int64_t pixels() const { return pixels_; }
  const T* block() const { return block_.data(); }

  // Chooses the pixels; the offsets are the same for all images and groups.
  void place(int64_t first_pixel, int64_t count) {
    count_ = count;
    for (int64_t tap = 0; tap < taps_; ++tap)
      for (int64_t j = 0; j < count; ++j)
        offsets_[static_cast<size_t>(tap * kBlockColumns + j)] = input_offset(first_pixel + j, tap);
  }

  void gather(const T* input) {
    for (int64_t channel = 0; channel < s_.channels; ++channel) {
      const T* from = input + channel * s_.input_channel_stride;
      for (int64_t tap = 0; tap < taps_; ++tap) {
        T* row = block_.data() + (channel * taps_ + tap) * kBlockColumns;
        const int64_t* offsets = offsets_.data() + tap * kBlockColumns;
        for (int64_t j = 0; j < count_; ++j) row[j] = offsets[j] < 0 ? T(0) : from[offsets[j]];
      }
    }
  }

  int64_t output_offset(int64_t pixel) const {
    int64_t offset = 0;
    for (size_t i = s_.axes.size(); i-- > 0; pixel /= s_.axes[i].output)
      offset += pixel % s_.axes[i].output * s_.axes[i].output_stride;
    return offset;
  }

 private:
  // Where the input of a tap of an output pixel is; -1 in the padding.
  int64_t input_offset(int64_t pixel, int64_t tap) const {
    int64_t offset = 0;
    for (size_t i = s_.axes.size(); i-- > 0;) {
      const ConvolutionAxis& a = s_.axes[i];
      const int64_t out = pixel % a.output, t = tap % a.kernel * a.dilation;
      pixel /= a.output;
      tap /= a.kernel;
      int64_t in = s_.transposed ? out + a.pad_begin - t : out * a.stride + t - a.pad_begin;
      if (in < 0 || (s_.transposed && in % a.stride != 0)) return -1;
      if (s_.transposed) in /= a.stride;
      if (in >= a.input) return -1;
      offset += in * a.input_stride;
    }
    return offset;
  }

  const ConvolutionShape& s_;
  int64_t taps_ = 1, pixels_ = 1, count_ = 0;
  std::vector<int64_t> offsets_;
  std::vector<T> block_;
};

}  // namespace

template <typename T>
void convolution(const ConvolutionShape& s, const T* input, const T* weights, const T* bias,
                 T* output) {
  BlockGather<T> gather(s);
  std::vector<T> sums(static_cast<size_t>(s.outputs * kBlockColumns));
  for (int64_t first = 0; first < gather.pixels(); first += kBlockColumns) {
    const int64_t count = std::min(kBlockColumns, gather.pixels() - first);
    gather.place(first, count);
    for (int64_t image_group = 0; image_group < s.batch * s.groups; ++image_group) {
      const int64_t n = image_group / s.groups, g = image_group % s.groups;
      gather.gather(input + n * s.input_batch_stride + g * s.channels * s.input_channel_stride);
      multiply_block<T>(s.outputs, count, gather.depth(), weights + g * s.outputs * gather.depth(),
                        gather.block(), bias ? bias + g * s.outputs : nullptr, sums.data(),
                        {kBlockColumns, 1});
      T* out = output + n * s.output_batch_stride + g * s.outputs * s.output_channel_stride;
      for (int64_t j = 0; j < count; ++j) {
        T* pixel = out + gather.output_offset(first + j);
        for (int64_t o = 0; o < s.outputs; ++o)
          pixel[o * s.output_channel_stride] = sums[static_cast<size_t>(o * kBlockColumns + j)];
      }
    }
  }
}

template void convolution<float>(const ConvolutionShape&, const float*, const float*, const float*,
                                 float*);
template void convolution<double>(const ConvolutionShape&, const double*, const double*,
                                  const double*, double*);

}  // namespace cnnc
