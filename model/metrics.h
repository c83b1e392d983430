// Metrics: running means over the samples of an epoch, computed from outputs and labels.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cnnc/training.h"
#include "runtime/tensor.h"

namespace cnnc::dsl {

class RunningMetric {
 public:
  virtual ~RunningMetric() = default;
  virtual void add(const cnnc::Tensor& outputs, const cnnc::Tensor& labels) = 0;
  virtual double value() const = 0;
  virtual void reset() = 0;
  const std::string& name() const { return name_; }

 protected:
  explicit RunningMetric(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

// What kind of accuracy the loss asks for, and whether outputs are logits.
std::unique_ptr<RunningMetric> running_metric(const Metric& metric, const Loss& loss);

bool has_logits(const Loss& loss);

}  // namespace cnnc::dsl
