#include "passes/training/settings.h"

#include <charconv>

#include "ir/error.h"

namespace cnnc {

namespace {

// In as few digits as give the number back.
std::string number(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string line(const std::string& name, const std::string& value) { return name + " = " + value + "\n"; }
std::string line(const char* name, double value) { return line(name, number(value)); }
std::string line(const char* name, bool value) { return line(name, std::string(value ? "yes" : "no")); }

}  // namespace

std::string settings_of(const OptimizerOptions& o) {
  return line("optimizer", name_of(o.kind)) + line("convention", name_of(o.convention)) + line("momentum", o.momentum) +
         line("dampening", o.dampening) + line("nesterov", o.nesterov) + line("beta1", o.beta1) + line("beta2", o.beta2) +
         line("epsilon", o.epsilon) + line("rho", o.rho) + line("centered", o.centered) + line("amsgrad", o.amsgrad) +
         line("initial accumulator", o.initial_accumulator) + line("weight decay", o.weight_decay) +
         line("clipnorm", o.clip_norm) + line("global clipnorm", o.global_clip_norm) + line("clipvalue", o.clip_value);
}

std::string settings_of(const LossOptions& o) {
  return line("loss", name_of(o.loss)) + line("convention of the loss", name_of(o.convention)) +
         line("from probabilities", o.from_probabilities) + line("label smoothing", o.label_smoothing) +
         line("delta", o.delta) + line("alpha", o.alpha) + line("gamma", o.gamma) + line("beta", o.beta) +
         line("class balancing", o.class_balancing);
}

std::string settings_of(const TrainingOptions& o) {
  std::string text = settings_of(o.optimizer) + settings_of(o.loss) + line("l1", o.l1) + line("l2", o.l2);
  for (const auto& [name, penalty] : o.penalties)
    text += line(cat("penalty of ", name), number(penalty.l1) + ", " + number(penalty.l2));
  return text + line("sample weights", o.sample_weights);
}

}  // namespace cnnc
