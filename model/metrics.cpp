#include "model/metrics.h"

#include <algorithm>
#include <cmath>

#include "frontend/dsl/definition.h"
#include "ir/error.h"
#include "model/targets.h"

namespace cnnc::dsl {

// ---- rows ------------------------------------------------------------------------------------------------------------
// Whether labels lack the axis of channels, and not the last one.
static bool number_channels(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) {
  cnnc::Shape without_last = outputs.shape();
  if (labels.shape().size() + 1 != without_last.size()) return false;
  without_last.pop_back();
  return labels.shape() != without_last;
}

static cnnc::Tensor with_channels_last(const cnnc::Tensor& x) {
  cnnc::Shape shape = x.shape();
  const int64_t batch = shape[0], channels = shape[1], places = x.size() / std::max<int64_t>(1, batch * channels);
  std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
  cnnc::Tensor result(DType::f32, shape);
  const float* from = x.data<float>();
  float* to = result.mutable_data<float>();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t p = 0; p < places; ++p) to[(b * places + p) * channels + c] = *from++;
  return result;
}

MetricRows::MetricRows(const cnnc::Tensor& o, const cnnc::Tensor& l, const std::vector<float>& w)
    : turned(number_channels(o, l) ? with_channels_last(o) : o),
      outputs(turned.data<float>()),
      labels(l),
      weights(w),
      columns(o.shape().size() < 2 ? 1 : turned.shape().back()),
      count(o.size() / std::max<int64_t>(1, columns)),
      sparse(l.size() == count) {}

int64_t MetricRows::predicted_class(int64_t r) const { return std::max_element(row(r), row(r) + columns) - row(r); }

int64_t MetricRows::label_class(int64_t r) const {
  if (sparse) return labels.as_int(r);
  const float* begin = labels.data<float>() + r * columns;
  return std::max_element(begin, begin + columns) - begin;
}

namespace {

// The weighted mean of something that each row has.
class MeanMetric : public RunningMetric {
 public:
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels, const std::vector<float>& weights) override {
    const MetricRows rows(outputs, labels, weights);
    for (int64_t r = 0; r < rows.count; ++r) {
      sum_ += rows.weight(r) * of_row(rows, r);
      weights_ += rows.weight(r);
    }
  }
  double value() const override { return weights_ == 0 ? 0 : sum_ / weights_; }
  void reset() override { sum_ = weights_ = 0; }

 protected:
  using RunningMetric::RunningMetric;
  virtual double of_row(const MetricRows& rows, int64_t r) const = 0;

 private:
  double sum_ = 0, weights_ = 0;
};

class ClassAccuracy : public MeanMetric {
 public:
  ClassAccuracy() : MeanMetric("accuracy") {}

 private:
  double of_row(const MetricRows& rows, int64_t r) const override {
    return rows.predicted_class(r) == rows.label_class(r);
  }
};

// Keras' top-k: fewer than k outputs are greater than the label's.
class TopK : public MeanMetric {
 public:
  explicit TopK(int64_t k) : MeanMetric("top_k_accuracy"), k_(k) {
    if (k <= 0) throw Error(cat("TopKAccuracy: k is ", k, ", need a positive number"), Fault::usage);
  }

 private:
  double of_row(const MetricRows& rows, int64_t r) const override {
    const float* row = rows.row(r);
    const int64_t label = rows.label_class(r);
    if (label < 0 || label >= rows.columns) return 0;
    return std::count_if(row, row + rows.columns, [&](float x) { return x > row[label]; }) < k_;
  }
  int64_t k_;
};

// The mean over the columns of what each output and its label give.
class ElementMean : public MeanMetric {
 public:
  using Function = double (*)(double output, double label, double threshold);
  ElementMean(std::string name, Function function, double threshold = 0)
      : MeanMetric(std::move(name)), function_(function), threshold_(threshold) {}

 private:
  double of_row(const MetricRows& rows, int64_t r) const override {
    double sum = 0;
    for (int64_t c = 0; c < rows.columns; ++c)
      sum += function_(rows.row(r)[c], rows.labels.as_double(r * rows.columns + c), threshold_);
    return sum / static_cast<double>(rows.columns);
  }
  Function function_;
  double threshold_;
};

double agrees(double output, double label, double threshold) { return (output > threshold) == (label > 0.5); }
double squared_error(double output, double label, double) { return (output - label) * (output - label); }
double absolute_error(double output, double label, double) { return std::abs(output - label); }

class RootMean : public ElementMean {
 public:
  RootMean() : ElementMean("root_mean_squared_error", squared_error) {}
  double value() const override { return std::sqrt(ElementMean::value()); }
};

class Cosine : public MeanMetric {
 public:
  Cosine() : MeanMetric("cosine_similarity") {}

 private:
  double of_row(const MetricRows& rows, int64_t r) const override {
    double product = 0, outputs = 0, labels = 0;
    for (int64_t c = 0; c < rows.columns; ++c) {
      const double x = rows.row(r)[c], y = rows.labels.as_double(r * rows.columns + c);
      product += x * y;
      outputs += x * x;
      labels += y * y;
    }
    return outputs == 0 || labels == 0 ? 0 : product / std::sqrt(outputs * labels);
  }
};

// A number for each batch, which counts as often as the batch has samples.
class OwnMetric : public RunningMetric {
 public:
  explicit OwnMetric(CustomMetric metric) : RunningMetric(metric.name), function_(std::move(metric.function)) {
    if (metric.name.empty() || !function_) throw Error("CustomMetric needs a name and a function", Fault::usage);
  }
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels, const std::vector<float>&) override {
    const auto count = static_cast<double>(outputs.shape()[0]);
    sum_ += count * function_(array_of(labels), array_of(outputs));
    count_ += count;
  }
  double value() const override { return count_ == 0 ? 0 : sum_ / count_; }
  void reset() override { sum_ = count_ = 0; }

 private:
  std::function<double(const Array&, const Array&)> function_;
  double sum_ = 0, count_ = 0;
};

// ---- which metric a description asks for -----------------------------------------------------------------------------
bool is_binary(const Loss& loss) {
  return std::holds_alternative<BinaryCrossentropy>(loss) || std::holds_alternative<BinaryFocalCrossentropy>(loss);
}

// A threshold of the probability, as one of what the model gives.
Decision decision(double threshold, const Loss& loss) {
  if (!(threshold > 0) || threshold >= 1)
    throw Error(cat("a metric's threshold is ", threshold, ", need a number between 0 and 1"), Fault::usage);
  return {is_binary(loss), has_logits(loss) ? std::log(threshold / (1 - threshold)) : threshold};
}

using MetricPointer = std::unique_ptr<RunningMetric>;
MetricPointer make(const Accuracy& m, const Loss& loss) {
  const Decision d = decision(m.threshold, loss);
  if (d.binary) return std::make_unique<ElementMean>("accuracy", agrees, d.threshold);
  return std::make_unique<ClassAccuracy>();
}
MetricPointer make(const TopKAccuracy& m, const Loss&) { return std::make_unique<TopK>(m.k); }
MetricPointer make(const Precision& m, const Loss& loss) {
  return precision_metric(m.class_id, decision(m.threshold, loss));
}
MetricPointer make(const Recall& m, const Loss& loss) { return recall_metric(m.class_id, decision(m.threshold, loss)); }
MetricPointer make(const F1Score& m, const Loss& loss) { return f1_metric(m.average, decision(m.threshold, loss)); }
MetricPointer make(const AUC& m, const Loss& loss) { return auc_metric(m, has_logits(loss)); }
MetricPointer make(const MeanIoU& m, const Loss& loss) { return iou_metric(decision(m.threshold, loss)); }
MetricPointer make(const MeanSquaredErrorMetric&, const Loss&) {
  return std::make_unique<ElementMean>("mean_squared_error", squared_error);
}
MetricPointer make(const MeanAbsoluteErrorMetric&, const Loss&) {
  return std::make_unique<ElementMean>("mean_absolute_error", absolute_error);
}
MetricPointer make(const RootMeanSquaredError&, const Loss&) { return std::make_unique<RootMean>(); }
MetricPointer make(const CosineSimilarityMetric&, const Loss&) { return std::make_unique<Cosine>(); }
MetricPointer make(const CustomMetric& m, const Loss&) { return std::make_unique<OwnMetric>(m); }

// Of single elements: rows of classes have no such labels when these are class numbers.
bool needs_dense_labels(const Metric& metric) {
  return std::holds_alternative<MeanSquaredErrorMetric>(metric) ||
         std::holds_alternative<MeanAbsoluteErrorMetric>(metric) ||
         std::holds_alternative<RootMeanSquaredError>(metric) ||
         std::holds_alternative<CosineSimilarityMetric>(metric) || std::holds_alternative<AUC>(metric);
}

}  // namespace

void require_class(const Metric& metric, const Loss& loss, int64_t classes) {
  const auto* precision = std::get_if<Precision>(&metric);
  const auto* recall = std::get_if<Recall>(&metric);
  if ((precision == nullptr && recall == nullptr) || is_binary(loss)) return;
  const int64_t id = precision != nullptr ? precision->class_id : recall->class_id;
  if (id < 0 || id >= classes)
    throw Error(cat(precision != nullptr ? "Precision" : "Recall", ": class_id is ", id, ", the model has classes 0 to ",
                    classes - 1),
                Fault::usage);
}

std::unique_ptr<RunningMetric> running_metric(const Metric& metric, const Loss& loss) {
  auto running = std::visit([&](const auto& m) { return make(m, loss); }, metric);
  if (takes_classes(loss) && needs_dense_labels(metric))
    throw Error(cat("metric '", running->name(),
                    "' compares outputs with labels one by one, but the labels of this loss number classes"),
                Fault::usage);
  return running;
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
