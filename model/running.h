// The losses and metrics of an epoch so far.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/metrics.h"
#include "model/steps.h"

namespace cnnc::dsl {

class Running {
 public:
  // Throws Error when a metric does not go with its loss.
  explicit Running(const TrainingState& training);

  void reset();
  // Takes what the steps computed last, a batch of `count` samples with this loss.
  void add(double loss, int64_t count, const Steps& steps);
  // All values by their names, with a prefix.
  void write(Logs& logs, const std::string& prefix) const;
  Evaluation values() const;

 private:
  struct Measured {
    size_t target;
    bool weighted;
    std::string name;
    std::unique_ptr<RunningMetric> metric;
  };
  void add_metrics(const TrainingState& training, bool weighted);
  std::string unique_name(const std::string& wanted, const std::string& instead) const;
  double mean(double sum) const { return samples_ == 0 ? 0 : sum / static_cast<double>(samples_); }

  std::vector<std::string> part_names_;  // of the losses of several targets
  std::vector<double> parts_;
  std::vector<Measured> metrics_;
  double loss_ = 0;
  int64_t samples_ = 0;
};

}  // namespace cnnc::dsl
