// Samples, labels and weights that batches are taken from.
#pragma once
#include <map>
#include <vector>

#include "model/feed.h"
#include "model/model_state.h"
#include "model/training_state.h"

namespace cnnc::dsl {

struct Source {
  struct Labels {
    Array array;  // as the loss takes them
    Feed feed;
    std::vector<float> weights;  // empty: none
  };
  std::vector<Feed> x;
  std::vector<Labels> y;  // of each target

  int64_t rows() const { return x[0].rows(); }
  bool has_weights() const;
};

// Rows of a source.
struct SourceRows {
  const Source* source;
  const int64_t* rows;
  int64_t count;
  bool is_full = true;  // a batch of the usual size, not a smaller last one
};

// Labels as the loss takes them: class numbers as i32, everything else as f32 in the shape of the output. Throws Error
// when they do not fit, naming the first label out of range.
Array labels_for(const Loss& loss, const Type& output, const Array& labels);

// Throws Error when the parts do not fit the model or each other.
Source source_of(const ModelState& model, const TrainingState& training, const Samples& data, const ArrayList& weights,
                 const ClassWeights& class_weight);

// One feed for each input, all of the same number of samples. Throws Error, also for an index that a table has no row for.
std::vector<Feed> feeds_of(const ModelState& model, const Arrays& x);

}  // namespace cnnc::dsl
