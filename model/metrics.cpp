#include "model/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ir/error.h"

namespace cnnc::dsl {

bool has_logits(const Loss& loss) {
  if (const auto* l = std::get_if<SparseCategoricalCrossentropy>(&loss)) return l->from_logits;
  if (const auto* l = std::get_if<CategoricalCrossentropy>(&loss)) return l->from_logits;
  if (const auto* l = std::get_if<BinaryCrossentropy>(&loss)) return l->from_logits;
  return false;
}

namespace {

// Outputs and labels as rows.
struct Rows {
  const float* outputs;
  const cnnc::Tensor& labels;
  int64_t columns, count;
  bool sparse;  // one label for each row

  Rows(const cnnc::Tensor& o, const cnnc::Tensor& l)
      : outputs(o.data<float>()),
        labels(l),
        columns(o.shape().size() < 2 ? 1 : o.shape().back()),
        count(o.size() / std::max<int64_t>(1, columns)),
        sparse(l.size() == count) {}

  int64_t predicted_class(int64_t row) const {
    const float* begin = outputs + row * columns;
    return std::max_element(begin, begin + columns) - begin;
  }
  // The label of a row; of rows of numbers, the class of the greatest one.
  int64_t label_class(int64_t row) const {
    if (sparse) return labels.as_int(row);
    int64_t best = 0;
    for (int64_t c = 1; c < columns; ++c)
      if (labels.as_double(row * columns + c) > labels.as_double(row * columns + best)) best = c;
    return best;
  }
};

// The mean of something that each row (or element) has.
class MeanMetric : public RunningMetric {
 public:
  double value() const override { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  void reset() override { sum_ = 0, count_ = 0; }

 protected:
  using RunningMetric::RunningMetric;
  double sum_ = 0;
  int64_t count_ = 0;
};

class ClassAccuracy : public MeanMetric {
 public:
  ClassAccuracy() : MeanMetric("accuracy") {}
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) override {
    const Rows rows(outputs, labels);
    for (int64_t r = 0; r < rows.count; ++r) sum_ += rows.predicted_class(r) == rows.label_class(r);
    count_ += rows.count;
  }
};

// Keras' top-k: the label's output is among the k greatest.
class TopK : public MeanMetric {
 public:
  explicit TopK(int64_t k) : MeanMetric("top_k_accuracy"), k_(k) {}
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) override {
    const Rows rows(outputs, labels);
    for (int64_t r = 0; r < rows.count; ++r) {
      const float* row = rows.outputs + r * rows.columns;
      const int64_t label = rows.label_class(r);
      const bool exists = label >= 0 && label < rows.columns;
      const auto greater = exists ? std::count_if(row, row + rows.columns, [&](float x) { return x > row[label]; }) : k_;
      sum_ += greater < k_;
    }
    count_ += rows.count;
  }

 private:
  int64_t k_;
};

class BinaryAccuracy : public MeanMetric {
 public:
  explicit BinaryAccuracy(double threshold) : MeanMetric("accuracy"), threshold_(threshold) {}
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) override {
    for (int64_t i = 0; i < outputs.size(); ++i)
      sum_ += (outputs.data<float>()[i] > threshold_) == (labels.as_double(i) > 0.5);
    count_ += outputs.size();
  }

 private:
  double threshold_;
};

// Of all that were predicted to be of the class (precision), or are (recall), those that are both.
class ClassShare : public RunningMetric {
 public:
  ClassShare(std::string name, int64_t class_id, double threshold, bool of_predicted)
      : RunningMetric(std::move(name)), class_(class_id), threshold_(threshold), of_predicted_(of_predicted) {}
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) override {
    const Rows rows(outputs, labels);
    for (int64_t r = 0; r < rows.count; ++r) {
      const bool binary = rows.columns == 1;
      const bool predicted = binary ? (rows.outputs[r] > threshold_) == (class_ == 1) : rows.predicted_class(r) == class_;
      const bool is = binary ? (labels.as_double(r) > 0.5) == (class_ == 1) : rows.label_class(r) == class_;
      both_ += predicted && is;
      all_ += of_predicted_ ? predicted : is;
    }
  }
  double value() const override { return all_ == 0 ? 0 : static_cast<double>(both_) / static_cast<double>(all_); }
  void reset() override { both_ = all_ = 0; }

 private:
  int64_t class_;
  double threshold_;
  bool of_predicted_;
  int64_t both_ = 0, all_ = 0;
};

// Counts of outputs between thresholds: the first one is below 0, the last one above 1, the others evenly between.
class AreaUnderCurve : public RunningMetric {
 public:
  explicit AreaUnderCurve(bool logits) : RunningMetric("auc"), logits_(logits) {}
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) override {
    for (int64_t i = 0; i < outputs.size(); ++i) {
      const double x = outputs.data<float>()[i], p = logits_ ? 1 / (1 + std::exp(-x)) : x;
      // How many thresholds lie below the output: it counts as one for those.
      const auto below = static_cast<size_t>(std::clamp(std::ceil(p * (kThresholds - 1)), 1.0, kThresholds - 1.0));
      ++(labels.as_double(i) > 0.5 ? positives_ : negatives_)[below];
    }
  }
  double value() const override {
    double area = 0, true_ones = 0, false_ones = 0;
    const double all = sum(positives_), none = sum(negatives_);
    if (all == 0 || none == 0) return 0;
    for (size_t t = kThresholds; t-- > 0;) {
      const double before_true = true_ones, before_false = false_ones;
      true_ones += static_cast<double>(positives_[t]);
      false_ones += static_cast<double>(negatives_[t]);
      area += (false_ones - before_false) / none * (true_ones + before_true) / (2 * all);
    }
    return area;
  }
  void reset() override { positives_ = negatives_ = {}; }

 private:
  static constexpr size_t kThresholds = 200;
  using Counts = std::array<int64_t, kThresholds>;
  static double sum(const Counts& counts) {
    int64_t total = 0;
    for (const int64_t n : counts) total += n;
    return static_cast<double>(total);
  }
  bool logits_;
  Counts positives_{}, negatives_{};
};

class MeanError : public MeanMetric {
 public:
  MeanError(std::string name, bool squared) : MeanMetric(std::move(name)), squared_(squared) {}
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) override {
    for (int64_t i = 0; i < outputs.size(); ++i) {
      const double error = outputs.data<float>()[i] - labels.as_double(i);
      sum_ += squared_ ? error * error : std::abs(error);
    }
    count_ += outputs.size();
  }

 private:
  bool squared_;
};

}  // namespace

std::unique_ptr<RunningMetric> running_metric(const Metric& metric, const Loss& loss) {
  const bool binary = std::holds_alternative<BinaryCrossentropy>(loss);
  const double threshold = has_logits(loss) ? 0 : 0.5;
  if (const auto* m = std::get_if<TopKAccuracy>(&metric)) return std::make_unique<TopK>(m->k);
  if (const auto* m = std::get_if<Precision>(&metric))
    return std::make_unique<ClassShare>("precision", m->class_id, threshold, true);
  if (const auto* m = std::get_if<Recall>(&metric))
    return std::make_unique<ClassShare>("recall", m->class_id, threshold, false);
  if (std::holds_alternative<MeanSquaredErrorMetric>(metric))
    return std::make_unique<MeanError>("mean_squared_error", true);
  if (std::holds_alternative<MeanAbsoluteErrorMetric>(metric))
    return std::make_unique<MeanError>("mean_absolute_error", false);
  if (std::holds_alternative<AUC>(metric)) return std::make_unique<AreaUnderCurve>(has_logits(loss));
  if (binary) return std::make_unique<BinaryAccuracy>(threshold);
  return std::make_unique<ClassAccuracy>();
}

Array confusion_matrix(const Array& labels, const Array& predicted, int64_t classes) {
  if (labels.size() != predicted.size())
    throw Error(cat("confusion_matrix: ", labels.size(), " labels and ", predicted.size(), " predictions"), Fault::usage);
  Array counts = Array::zeros<int64_t>({classes, classes});
  int64_t* data = counts.mutable_data<int64_t>();
  for (int64_t i = 0; i < labels.size(); ++i) {
    const auto is = static_cast<int64_t>(labels.at(i)), taken = static_cast<int64_t>(predicted.at(i));
    if (is < 0 || is >= classes || taken < 0 || taken >= classes)
      throw Error(cat("confusion_matrix: sample ", i, " has label ", is, " and prediction ", taken, ", need 0 to ",
                      classes - 1),
                  Fault::usage);
    ++data[is * classes + taken];
  }
  return counts;
}

}  // namespace cnnc::dsl
