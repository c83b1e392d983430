// Metrics: running values over the samples of an epoch, computed from outputs and labels.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cnnc/training.h"
#include "runtime/tensor.h"

namespace cnnc::dsl {

// Outputs and labels of a batch as rows along the last axis, or along the channels where labels number their classes.
struct MetricRows {
  cnnc::Tensor turned;  // outputs with the channels last
  const float* outputs;
  const cnnc::Tensor& labels;
  const std::vector<float>& weights;
  int64_t columns, count;
  bool sparse;  // one label for each row

  MetricRows(const cnnc::Tensor& outputs, const cnnc::Tensor& labels, const std::vector<float>& weights);

  const float* row(int64_t r) const { return outputs + r * columns; }
  double weight(int64_t r) const {
    return weights.empty() ? 1 : static_cast<double>(weights[static_cast<size_t>(r) * weights.size() / static_cast<size_t>(count)]);
  }
  int64_t predicted_class(int64_t r) const;
  // The label of a row; of rows of numbers, the class of the greatest one.
  int64_t label_class(int64_t r) const;
};

class RunningMetric {
 public:
  virtual ~RunningMetric() = default;
  // `weights` has a number for each sample, or for each step of each sample, or is empty: all are 1.
  virtual void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels, const std::vector<float>& weights) = 0;
  virtual double value() const = 0;
  virtual void reset() = 0;
  const std::string& name() const { return name_; }

 protected:
  explicit RunningMetric(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

// What kind of accuracy the loss asks for, and whether outputs are logits. Throws Error when numbers make no sense.
std::unique_ptr<RunningMetric> running_metric(const Metric& metric, const Loss& loss);

// Throws Error when the metric is of a class that rows of so many have not.
void require_class(const Metric& metric, const Loss& loss, int64_t classes);

// ---- metrics that count decisions (count_metrics.cpp) ----------------------------------------------------------------
// How outputs decide: each by itself against a threshold, or the greatest of a row.
struct Decision {
  bool binary;
  double threshold;
};
std::unique_ptr<RunningMetric> precision_metric(int64_t class_id, Decision decision);
std::unique_ptr<RunningMetric> recall_metric(int64_t class_id, Decision decision);
std::unique_ptr<RunningMetric> f1_metric(F1Score::Average average, Decision decision);
std::unique_ptr<RunningMetric> iou_metric(Decision decision);
std::unique_ptr<RunningMetric> auc_metric(const AUC& auc, bool logits);

}  // namespace cnnc::dsl
