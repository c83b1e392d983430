// The value that a callback looks at.
#pragma once
#include <optional>
#include <string>

#include "cnnc/training.h"

namespace cnnc::dsl {

// Nothing in epochs that do not validate. Throws Error naming the callback and the values there are when no epoch has
// a value of that name.
std::optional<double> monitored(const Logs& logs, const std::string& name, const char* callback);
// Whether `value` is better than `best` by more than `delta`.
bool improves(double value, const std::optional<double>& best, Mode mode, const std::string& name, double delta);
// Says that no epoch had the value.
void warn_of_nothing(const std::string& name, const char* callback);

}  // namespace cnnc::dsl
