#include "model/monitor.h"

#include <cmath>
#include <cstdio>

#include "ir/error.h"

namespace cnnc::dsl {

static std::string without_val(const std::string& name) { return name.rfind("val_", 0) == 0 ? name.substr(4) : name; }

std::optional<double> monitored(const Logs& logs, const std::string& name, const char* callback) {
  const auto it = logs.find(name);
  if (it != logs.end()) return it->second;
  if (logs.count(without_val(name)) != 0) return {};
  std::string known;
  for (const auto& [other, value] : logs) known += (known.empty() ? "" : ", ") + other;
  throw Error(cat(callback, ": there is no '", name, "' to monitor; there are ", known), Fault::usage);
}

static bool wants_greater(Mode mode, const std::string& name) {
  if (mode != Mode::automatic) return mode == Mode::max;
  if (name.ends_with("loss") || name.ends_with("error")) return false;
  for (const char* part : {"acc", "auc", "precision", "recall", "f1", "iou"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

bool improves(double value, const std::optional<double>& best, Mode mode, const std::string& name, double delta) {
  if (!best) return true;
  const double least = std::abs(delta);
  return wants_greater(mode, name) ? value - least > *best : value + least < *best;
}

void warn_of_nothing(const std::string& name, const char* callback) {
  std::fprintf(stderr, "warning: %s: no epoch had a %s; give fit() validation data\n", callback, name.c_str());
}

}  // namespace cnnc::dsl
