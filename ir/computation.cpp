// Evaluates computations: blocks of points of the output, each a run of compiled scalar programs.
#include "ir/computation.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"
#include "ir/scalar_eval.h"

namespace cnnc {
namespace {

constexpr int kLanes = ScalarProgram::kLanes;

Shape evaluate_sizes(const Dims& dims, const Symbols& symbols) {
  Shape shape;
  for (const Dim& d : dims) {
    shape.push_back(d.evaluate(symbols));
    if (shape.back() < 0) throw Error(cat("size ", d, " is negative: ", shape.back()));
  }
  return shape;
}

// Index vectors of `count` points from row-major position `first` on; axis a of `shape` is index(axis + a).
void fill_indices(ScalarProgram& program, int axis, const Shape& shape, int64_t first, int count) {
  int64_t stride = 1;
  for (size_t a = shape.size(); a-- > 0; stride *= shape[a]) {
    int64_t* index = program.index(axis + static_cast<int>(a));
    if (index == nullptr) continue;
    int64_t value = first / stride % shape[a];
    int64_t run = stride - first % stride;  // points until the index moves on
    for (int i = 0; i < count; run = stride) {
      const int end = static_cast<int>(std::min<int64_t>(count, i + run));
      for (; i < end; ++i) index[i] = value;
      if (++value == shape[a]) value = 0;
    }
  }
}

// The same index for all of `count` points.
void fill_uniform(ScalarProgram& program, int axis, const Shape& shape, int64_t position, int count) {
  for (size_t a = shape.size(); a-- > 0; position /= shape[a])
    if (int64_t* index = program.index(axis + static_cast<int>(a))) std::fill_n(index, count, position % shape[a]);
}

class Evaluator {
 public:
  Evaluator(const Computation& c, const std::vector<const Tensor*>& operands, const Symbols& symbols)
      : c_(c), space_(evaluate_sizes(c.space, symbols)), reduce_(evaluate_sizes(c.reduce, symbols)),
        elements_(c.elements, operands, symbols), init_(c.init, operands, symbols),
        combine_(c.combine, operands, symbols), value_({c.value}, operands, symbols), output_(c.dtype, space_),
        points_(element_count(space_)), reduced_(element_count(reduce_)) {
    CNNC_CHECK(c.value.dtype() == c.dtype)
        << "a computation of " << name_of(c.dtype) << " has the value " << name_of(c.value.dtype());
    for (const Scalar& init : c.init) accumulators_.push_back(std::vector<char>(kLanes * size_of(init.dtype())));
  }

  Tensor run() {
    constexpr int64_t kFewPoints = 16;
    const bool along_reduction = c_.is_reduction() && points_ < kFewPoints && reduced_ > kFewPoints;
    if (along_reduction) {
      for (int64_t p = 0; p < points_; ++p) {
        start(p, 1);
        reduce_one(p);
        finish(p, 1);
      }
      return std::move(output_);
    }
    for (int64_t first = 0; first < points_; first += kLanes) {
      const int count = static_cast<int>(std::min<int64_t>(kLanes, points_ - first));
      if (c_.is_reduction()) {
        start(first, count);
        reduce_block(first, count);
      }
      finish(first, count);
    }
    return std::move(output_);
  }

 private:
  int rank() const { return static_cast<int>(space_.size()); }
  size_t width(size_t k) const { return size_of(c_.init[k].dtype()); }

  void start(int64_t first, int count) {
    fill_indices(init_, 0, space_, first, count);
    init_.run(count);
    keep_accumulators(init_, count);
  }

  void keep_accumulators(const ScalarProgram& program, int count) {
    for (size_t k = 0; k < accumulators_.size(); ++k)
      std::memcpy(accumulators_[k].data(), program.result(k), static_cast<size_t>(count) * width(k));
  }

  void give_accumulators(ScalarProgram& program, int count) {
    for (size_t k = 0; k < accumulators_.size(); ++k)
      if (void* param = program.param(static_cast<int>(k)))
        std::memcpy(param, accumulators_[k].data(), static_cast<size_t>(count) * width(k));
  }

  // Updates the accumulators of `count` points with elements [lane, lane + count).
  void combine(int lane, int count) {
    give_accumulators(combine_, count);
    for (size_t k = 0; k < c_.elements.size(); ++k) {
      const size_t bytes = size_of(c_.elements[k].dtype());
      if (void* param = combine_.param(static_cast<int>(c_.init.size() + k)))
        std::memcpy(param, static_cast<const char*>(elements_.result(k)) + static_cast<size_t>(lane) * bytes,
                    static_cast<size_t>(count) * bytes);
    }
    combine_.run(count);
    keep_accumulators(combine_, count);
  }

  // Many points of the output side by side, one reduction point after the other.
  void reduce_block(int64_t first, int count) {
    fill_indices(elements_, 0, space_, first, count);
    for (int64_t r = 0; r < reduced_; ++r) {
      fill_uniform(elements_, rank(), reduce_, r, count);
      elements_.run(count);
      combine(0, count);
    }
  }

  // One point of the output: many reduction points side by side, combined in order.
  void reduce_one(int64_t point) {
    fill_uniform(elements_, 0, space_, point, kLanes);
    for (int64_t r = 0; r < reduced_; r += kLanes) {
      const int count = static_cast<int>(std::min<int64_t>(kLanes, reduced_ - r));
      fill_indices(elements_, rank(), reduce_, r, count);
      elements_.run(count);
      for (int lane = 0; lane < count; ++lane) combine(lane, 1);
    }
  }

  void finish(int64_t first, int count) {
    fill_indices(value_, 0, space_, first, count);
    give_accumulators(value_, count);
    value_.run(count);
    const size_t bytes = size_of(c_.dtype);
    std::memcpy(output_.mutable_data<char>() + static_cast<size_t>(first) * bytes, value_.result(0),
                static_cast<size_t>(count) * bytes);
  }

  const Computation& c_;
  Shape space_, reduce_;
  ScalarProgram elements_, init_, combine_, value_;
  Tensor output_;
  int64_t points_, reduced_;
  std::vector<std::vector<char>> accumulators_;
};

}  // namespace

Tensor evaluate(const Computation& computation, const std::vector<const Tensor*>& operands, const Symbols& symbols) {
  Tensor result = Evaluator(computation, operands, symbols).run();
  return result.dtype() == DType::string ? result.with_own_texts() : result;
}

}  // namespace cnnc
