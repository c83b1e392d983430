#include "model/running.h"

#include <algorithm>

#include "ir/error.h"

namespace cnnc::dsl {

Running::Running(const TrainingState& training) {
  const size_t targets = training.targets.size();
  for (size_t t = 0; targets > 1 && t < targets; ++t) part_names_.push_back(training.targets[t].prefix + "loss");
  parts_.resize(part_names_.size());
  add_metrics(training, false);
  add_metrics(training, true);
}

// A name that is taken gets a number, as Keras does it; a weighted metric is called so first.
std::string Running::unique_name(const std::string& wanted, const std::string& instead) const {
  const auto taken = [&](const std::string& name) {
    return std::any_of(metrics_.begin(), metrics_.end(), [&](const Measured& m) { return m.name == name; });
  };
  if (!taken(wanted)) return wanted;
  std::string name = instead;
  for (int i = 1; taken(name); ++i) name = cat(instead, "_", i);
  return name;
}

void Running::add_metrics(const TrainingState& training, bool weighted) {
  for (size_t t = 0; t < training.targets.size(); ++t) {
    const Target& target = training.targets[t];
    for (const Metric& description : weighted ? target.goal.weighted_metrics : target.goal.metrics) {
      auto metric = running_metric(description, target.goal.loss);
      const std::string wanted = target.prefix + metric->name();
      std::string name = unique_name(wanted, weighted ? target.prefix + "weighted_" + metric->name() : wanted);
      metrics_.push_back({t, weighted, std::move(name), std::move(metric)});
    }
  }
}

void Running::reset() {
  loss_ = 0, samples_ = 0;
  std::fill(parts_.begin(), parts_.end(), 0);
  for (Measured& m : metrics_) m.metric->reset();
}

// Of the samples, or where there is a mask of each of their steps.
static std::vector<float> row_weights(const Steps& steps, size_t target, bool weighted) {
  const std::vector<float> of_samples = weighted ? steps.weights(target) : std::vector<float>();
  const cnnc::Tensor* mask = steps.mask(target);
  if (mask == nullptr) return of_samples;
  std::vector<float> weights(mask->data<float>(), mask->data<float>() + mask->size());
  for (size_t i = 0; i < weights.size() && !of_samples.empty(); ++i)
    weights[i] *= of_samples[i * of_samples.size() / weights.size()];
  return weights;
}

void Running::add(double loss, int64_t count, const Steps& steps) {
  const auto weight = static_cast<double>(count);
  loss_ += loss * weight;
  for (size_t t = 0; t < parts_.size(); ++t) parts_[t] += steps.part(t) * weight;
  samples_ += count;
  for (Measured& m : metrics_)
    m.metric->add(steps.output(m.target), steps.labels(m.target), row_weights(steps, m.target, m.weighted));
}

void Running::write(Logs& logs, const std::string& prefix) const {
  logs[prefix + "loss"] = mean(loss_);
  for (size_t t = 0; t < parts_.size(); ++t) logs[prefix + part_names_[t]] = mean(parts_[t]);
  for (const Measured& m : metrics_) logs[prefix + m.name] = m.metric->value();
}

Evaluation Running::values() const {
  Evaluation all;
  all.push_back(mean(loss_));
  for (const double part : parts_) all.push_back(mean(part));
  for (const Measured& m : metrics_) all.push_back(m.metric->value());
  write(all.logs, "");
  return all;
}

}  // namespace cnnc::dsl
