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
  }

  int64_t depth() const { return s_.channels * taps_; }
  int64_t pixels() const { return pixels_; }
  const T* block() const { return block_.data(); }

  void gather(const T* input, int64_t first_pixel, int64_t count) {
    for (int64_t tap = 0; tap < taps_; ++tap) {
      int64_t offsets[kBlockColumns];
      for (int64_t j = 0; j < count; ++j) offsets[j] = input_offset(first_pixel + j, tap);
      for (int64_t channel = 0; channel < s_.channels; ++channel) {
        T* row = block_.data() + (channel * taps_ + tap) * kBlockColumns;
        const T* from = input + channel * s_.input_channel_stride;
        for (int64_t j = 0; j < count; ++j) row[j] = offsets[j] < 0 ? T(0) : from[offsets[j]];
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
  int64_t taps_ = 1, pixels_ = 1;
  std::vector<T> block_;
};

}  // namespace

template <typename T>
void convolution(const ConvolutionShape& s, const T* input, const T* weights, const T* bias, T* output) {
  BlockGather<T> gather(s);
  std::vector<T> sums(static_cast<size_t>(s.outputs * kBlockColumns));
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t g = 0; g < s.groups; ++g) {
      const T* in = input + n * s.input_batch_stride + g * s.channels * s.input_channel_stride;
      T* out = output + n * s.output_batch_stride + g * s.outputs * s.output_channel_stride;
      for (int64_t first = 0; first < gather.pixels(); first += kBlockColumns) {
        const int64_t count = std::min(kBlockColumns, gather.pixels() - first);
        gather.gather(in, first, count);
        multiply_block<T>(s.outputs, count, gather.depth(), weights + g * s.outputs * gather.depth(), gather.block(),
                          bias ? bias + g * s.outputs : nullptr, sums.data(), {kBlockColumns, 1});
        for (int64_t j = 0; j < count; ++j) {
          T* pixel = out + gather.output_offset(first + j);
          for (int64_t o = 0; o < s.outputs; ++o)
            pixel[o * s.output_channel_stride] = sums[static_cast<size_t>(o * kBlockColumns + j)];
        }
      }
    }
  }
}

template void convolution<float>(const ConvolutionShape&, const float*, const float*, const float*, float*);
template void convolution<double>(const ConvolutionShape&, const double*, const double*, const double*, double*);

}  // namespace cnnc
