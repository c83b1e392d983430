// Layers that prepare data, vary images and add noise. Names, defaults and formulae are Keras 3's.
//
// Preparing layers act always and are saved with the model. Random ones act only while training: predict, evaluate and
// the saved model pass their input on. Their random numbers are decided by set_random_seed and the step, and by nothing
// else. Images are [batch, channels, height, width].
#pragma once
#include "cnnc/layers.h"

namespace cnnc::dsl {

// ---- preparing -------------------------------------------------------------------------------------------------------
// x * scale + offset.
struct Rescaling : Layer {
  explicit Rescaling(double scale, double offset = 0, Location where = Location::current());
};

// (x - mean) / sqrt(variance), one mean and variance for each place on an axis; 1 is the channels of images and the
// columns of tables.
struct Normalization : Layer {
  // Mean 0 and variance 1 until adapt() is called, before or after the model is made.
  explicit Normalization(int64_t axis = 1, Location where = Location::current());
  Normalization(std::vector<double> mean, std::vector<double> variance, Location where = Location::current());
  // Takes mean and variance from data whose axes are the layer's input's.
  void adapt(const Array& data);

 private:
  int64_t axis_ = 1;
};

struct ResizingOptions {
  Interpolation interpolation = Interpolation::bilinear;
  bool crop_to_aspect_ratio = false;  // cuts the sides off rather than distort
  bool pad_to_aspect_ratio = false;   // adds sides of `fill_value` rather than distort
  double fill_value = 0;
};
struct Resizing : Layer {
  Resizing(int64_t height, int64_t width, ResizingOptions options = {}, Location where = Location::current());
};
// The middle of images; of smaller ones, the largest window of that shape, resized.
struct CenterCrop : Layer {
  CenterCrop(int64_t height, int64_t width, Location where = Location::current());
};

// Indices (InputType::i32 or i64) in [0, tokens) as numbers; an input's data that are none are refused. one_hot: a row of
// zeros and a one for each index. multi_hot: one row for all indices of a sample, with ones at those that occur. count:
// how often they occur.
enum class Encoding { multi_hot, one_hot, count };
struct CategoryEncoding : Layer {
  explicit CategoryEncoding(int64_t tokens, Encoding encoding = Encoding::multi_hot,
                            Location where = Location::current());
};

// ---- varied images ---------------------------------------------------------------------------------------------------
// Where random numbers lie: one number f stands for [-f, f].
struct Factor {
  Factor(double f) : low(f < 0 ? f : -f), high(f < 0 ? -f : f) {}
  Factor(double a, double b) : low(a < b ? a : b), high(a < b ? b : a) {}
  double low, high;
};
// What lies beyond the border: fill_value; the last pixel again; d c b a | a b c d | d c b a; or a b c d | a b c d.
enum class FillMode { constant, nearest, reflect, wrap };
struct TransformOptions {
  FillMode fill_mode = FillMode::reflect;
  Interpolation interpolation = Interpolation::bilinear;
  double fill_value = 0;
};

// Turns half of the images around: left and right, top and bottom, or both at once.
enum class Flip { horizontal, vertical, both };
struct RandomFlip : Layer {
  explicit RandomFlip(Flip flip = Flip::both, Location where = Location::current());
};
// Moves each image down and to the right by parts of its height and width.
struct RandomTranslation : Layer {
  RandomTranslation(Factor height, Factor width, TransformOptions options = {}, Location where = Location::current());
};
// Turns each image by a part of a full turn: 0.1 is up to 36 degrees either way.
struct RandomRotation : Layer {
  explicit RandomRotation(Factor factor, TransformOptions options = {}, Location where = Location::current());
};
// Scales each image: 0.2 shows up to 20 % more of height or width, -0.2 that much less. Without `width` both are the same.
struct RandomZoom : Layer {
  explicit RandomZoom(Factor height, TransformOptions options = {}, Location where = Location::current());
  RandomZoom(Factor height, Factor width, TransformOptions options = {}, Location where = Location::current());
};
// A window of the images of a batch, in another place at each step. When nothing is trained, and when images are no
// larger: the largest window of that shape in the middle, resized.
struct RandomCrop : Layer {
  RandomCrop(int64_t height, int64_t width, Location where = Location::current());
};

// The range of pixels; results are clipped to it.
struct ValueRange {
  double low = 0, high = 255;
};
// (x - mean) * c + mean with each channel's mean and c in [1 - lower, 1 + upper]; one number stands for both.
struct RandomContrast : Layer {
  explicit RandomContrast(Factor factor, ValueRange range = {}, Location where = Location::current());
};
// Adds a part of the range to each image.
struct RandomBrightness : Layer {
  explicit RandomBrightness(Factor factor, ValueRange range = {}, Location where = Location::current());
};

// ---- noise -----------------------------------------------------------------------------------------------------------
// Adds normal noise.
struct GaussianNoise : Layer {
  explicit GaussianNoise(double deviation, Location where = Location::current());
};
// Multiplies by normal noise around 1 of the deviation that Dropout's would have: sqrt(rate / (1 - rate)).
struct GaussianDropout : Layer {
  explicit GaussianDropout(double rate, Location where = Location::current());
};
// Dropout that keeps mean and variance of what selu gives.
struct AlphaDropout : Layer {
  explicit AlphaDropout(double rate, Location where = Location::current());
};
// Dropout of whole features of sequences [batch, steps, features].
struct SpatialDropout1D : Layer {
  explicit SpatialDropout1D(double rate, Location where = Location::current());
};
// Dropout of whole channels.
struct SpatialDropout2D : Layer {
  explicit SpatialDropout2D(double rate, Location where = Location::current());
};
// The same of [batch, channels, depth, height, width].
struct SpatialDropout3D : Layer {
  explicit SpatialDropout3D(double rate, Location where = Location::current());
};

}  // namespace cnnc::dsl
