// Metrics that count right and wrong decisions: precision, recall, F1, intersection over union, area under a curve.
#include <algorithm>
#include <cmath>

#include "ir/error.h"
#include "model/metrics.h"

namespace cnnc::dsl {

namespace {

double ratio(double part, double all) { return all == 0 ? 0 : part / all; }

// Of one class: those that are of it and found, taken for it wrongly, and missed.
struct Counts {
  double found = 0, wrong = 0, missed = 0;

  void add(bool predicted, bool is, double weight) {
    if (predicted && is) found += weight;
    else if (predicted) wrong += weight;
    else if (is) missed += weight;
  }
  double f1() const { return ratio(2 * found, 2 * found + wrong + missed); }
  double overlap() const { return ratio(found, found + wrong + missed); }
};

// Counts of every class; a binary output of one column has the classes 0 and 1.
class CountMetric : public RunningMetric {
 public:
  CountMetric(std::string name, Decision decision) : RunningMetric(std::move(name)), decision_(decision) {}

  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels, const std::vector<float>& weights) override {
    const MetricRows rows(outputs, labels, weights);
    columns_ = rows.columns;
    counts_.resize(static_cast<size_t>(std::max<int64_t>(2, columns_)));
    for (int64_t r = 0; r < rows.count; ++r)
      if (is_binary()) add_each(rows, r);
      else add_greatest(rows, r);
  }
  void reset() override { counts_.clear(); }

 protected:
  bool is_binary() const { return decision_.binary || columns_ == 1; }
  bool is_one_column() const { return columns_ == 1; }
  const std::vector<Counts>& counts() const { return counts_; }

 private:
  void add_each(const MetricRows& rows, int64_t r) {
    for (int64_t c = 0; c < columns_; ++c) {
      const bool predicted = rows.row(r)[c] > decision_.threshold, is = rows.labels.as_double(r * columns_ + c) > 0.5;
      counts_[static_cast<size_t>(columns_ == 1 ? 1 : c)].add(predicted, is, rows.weight(r));
      if (columns_ == 1) counts_[0].add(!predicted, !is, rows.weight(r));
    }
  }
  void add_greatest(const MetricRows& rows, int64_t r) {
    const int64_t predicted = rows.predicted_class(r), is = rows.label_class(r);
    for (const int64_t c : {predicted, is}) {
      if (c >= 0 && c < columns_) counts_[static_cast<size_t>(c)].add(predicted == c, is == c, rows.weight(r));
      if (predicted == is) break;
    }
  }

  Decision decision_;
  int64_t columns_ = 0;
  std::vector<Counts> counts_;
};

// Of all that were predicted to be of the class (precision), or are (recall), those that are both. Several binary
// outputs count together.
class ClassShare : public CountMetric {
 public:
  ClassShare(std::string name, int64_t class_id, Decision decision, bool of_predicted)
      : CountMetric(std::move(name), decision), class_(class_id), of_predicted_(of_predicted) {
    if (class_id < 0) throw Error(cat("class_id of metric ", this->name(), " is ", class_id), Fault::usage);
  }
  double value() const override {
    Counts sum;
    for (size_t c = 0; c < counts().size(); ++c) {
      const bool together = is_binary() && !is_one_column();
      if (!together && c != static_cast<size_t>(class_)) continue;
      sum.found += counts()[c].found;
      sum.wrong += counts()[c].wrong;
      sum.missed += counts()[c].missed;
    }
    return ratio(sum.found, sum.found + (of_predicted_ ? sum.wrong : sum.missed));
  }

 private:
  int64_t class_;
  bool of_predicted_;
};

class F1 : public CountMetric {
 public:
  F1(F1Score::Average average, Decision decision) : CountMetric("f1_score", decision), average_(average) {}
  double value() const override {
    if (counts().empty()) return 0;
    if (is_one_column()) return counts()[1].f1();
    Counts all;
    double sum = 0, weights = 0;
    for (const Counts& c : counts()) {
      const double weight = average_ == F1Score::Average::weighted ? c.found + c.missed : 1;
      sum += weight * c.f1();
      weights += weight;
      all = {all.found + c.found, all.wrong + c.wrong, all.missed + c.missed};
    }
    return average_ == F1Score::Average::micro ? all.f1() : ratio(sum, weights);
  }

 private:
  F1Score::Average average_;
};

class IntersectionOverUnion : public CountMetric {
 public:
  explicit IntersectionOverUnion(Decision decision) : CountMetric("mean_io_u", decision) {}
  // Classes that do not occur do not count.
  double value() const override {
    double sum = 0, classes = 0;
    for (const Counts& c : counts()) {
      if (c.found + c.wrong + c.missed == 0) continue;
      sum += c.overlap();
      ++classes;
    }
    return ratio(sum, classes);
  }
};

// Counts of outputs between thresholds: the first one is below 0, the last one above 1, the others evenly between.
class AreaUnderCurve : public RunningMetric {
 public:
  AreaUnderCurve(const AUC& auc, bool logits) : RunningMetric("auc"), curve_(auc.curve), logits_(logits) {
    if (auc.num_thresholds < 3)
      throw Error(cat("AUC: num_thresholds is ", auc.num_thresholds, ", need 3 or more"), Fault::usage);
    positives_.resize(static_cast<size_t>(auc.num_thresholds));
    negatives_ = positives_;
  }
  void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels, const std::vector<float>& weights) override {
    const double last = static_cast<double>(positives_.size()) - 1;
    const MetricRows rows(outputs, labels, weights);
    for (int64_t i = 0; i < outputs.size(); ++i) {
      const double x = rows.outputs[i], p = logits_ ? 1 / (1 + std::exp(-x)) : x;
      // How many thresholds lie below the output: it counts as one for those.
      const auto below = static_cast<size_t>(std::clamp(std::ceil(p * last), 1.0, last));
      (labels.as_double(i) > 0.5 ? positives_ : negatives_)[below] += rows.weight(i / rows.columns);
    }
  }
  double value() const override {
    double area = 0;
    Point before;
    const Point all = total();
    if (all.positives == 0 || all.negatives == 0) return 0;
    for (size_t t = positives_.size(); t-- > 0;) {
      const Point now{before.positives + positives_[t], before.negatives + negatives_[t]};
      area += curve_ == AUC::Curve::roc ? (now.negatives - before.negatives) / all.negatives *
                                         (now.positives + before.positives) / (2 * all.positives)
                                   : precision_area(before, now) / all.positives;
      before = now;
    }
    return area;
  }
  void reset() override {
    std::fill(positives_.begin(), positives_.end(), 0);
    std::fill(negatives_.begin(), negatives_.end(), 0);
  }

 private:
  // How many of either kind lie above a threshold.
  struct Point {
    double positives = 0, negatives = 0;
    double sum() const { return positives + negatives; }
  };
  Point total() const {
    Point all;
    for (size_t t = 0; t < positives_.size(); ++t) all = {all.positives + positives_[t], all.negatives + negatives_[t]};
    return all;
  }
  // The integral of the precision between two thresholds, along which the true positives grow linearly with all that
  // are predicted positive (Davis and Goadrich, 2006).
  static double precision_area(const Point& high, const Point& low) {
    const double slope = ratio(low.positives - high.positives, low.sum() - high.sum());
    const double offset = high.positives - slope * high.sum();
    const double growth = high.sum() > 0 && low.sum() > 0 ? low.sum() / high.sum() : 1;
    return slope * (low.positives - high.positives + offset * std::log(growth));
  }

  AUC::Curve curve_;
  bool logits_;
  std::vector<double> positives_, negatives_;
};

}  // namespace

std::unique_ptr<RunningMetric> precision_metric(int64_t class_id, Decision decision) {
  return std::make_unique<ClassShare>("precision", class_id, decision, true);
}
std::unique_ptr<RunningMetric> recall_metric(int64_t class_id, Decision decision) {
  return std::make_unique<ClassShare>("recall", class_id, decision, false);
}
std::unique_ptr<RunningMetric> f1_metric(F1Score::Average average, Decision decision) {
  return std::make_unique<F1>(average, decision);
}
std::unique_ptr<RunningMetric> iou_metric(Decision decision) {
  return std::make_unique<IntersectionOverUnion>(decision);
}
std::unique_ptr<RunningMetric> auc_metric(const AUC& auc, bool logits) {
  return std::make_unique<AreaUnderCurve>(auc, logits);
}

}  // namespace cnnc::dsl
