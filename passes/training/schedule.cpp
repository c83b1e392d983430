#include "passes/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "ir/error.h"

namespace cnnc {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// The words of a schedule: its kind, then KEY=VALUE.
class Words {
 public:
  explicit Words(const std::string& text) : text_(text) {
    const std::vector<std::string> words = split(text, ',');
    kind = words[0];
    for (size_t i = 1; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      if (equals == std::string::npos) fail(cat(quoted(words[i]), " is not of the form KEY=VALUE"));
      values_[words[i].substr(0, equals)] = words[i].substr(equals + 1);
    }
  }

  std::vector<double> numbers(const std::string& key) {
    const auto it = values_.find(key);
    if (it == values_.end()) fail(cat(key, "= is missing"));
    std::vector<double> result;
    for (const std::string& word : split(it->second, ':')) {
      size_t used = 0;
      try {
        result.push_back(std::stod(word, &used));
      } catch (const std::exception&) {
      }
      if (used == 0 || used != word.size()) fail(cat(key, "=", it->second, " is no number"));
    }
    values_.erase(it);
    return result;
  }
  double number(const std::string& key) { return numbers(key)[0]; }
  double number(const std::string& key, double otherwise) {
    return values_.count(key) ? number(key) : otherwise;
  }
  double positive(const std::string& key) {
    const double value = number(key);
    if (!(value > 0)) fail(cat(key, " must be greater than 0"));
    return value;
  }
  void finish() const {
    if (!values_.empty()) fail(cat("there is no ", quoted(values_.begin()->first)));
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(cat("--lr-schedule ", quoted(text_), ": ", why), Fault::usage);
  }

  std::string kind;

 private:
  std::string text_;
  std::map<std::string, std::string> values_;
};

Schedule exponential(Words& words) {
  const double steps = words.positive("decay_steps"), rate = words.number("decay_rate");
  const bool staircase = words.number("staircase", 0) != 0;
  return [=](double initial, int64_t t) {
    const double p = static_cast<double>(t) / steps;
    return initial * std::pow(rate, staircase ? std::floor(p) : p);
  };
}

Schedule cosine(Words& words) {
  const double steps = words.positive("decay_steps"), alpha = words.number("alpha", 0),
               warmup = words.number("warmup_steps", 0);
  return [=](double initial, int64_t step) {
    const double t = static_cast<double>(step);
    if (t < warmup) return initial * (t + 1) / warmup;
    const double done = std::min((t - warmup) / steps, 1.0);
    return initial * ((1 - alpha) * 0.5 * (1 + std::cos(M_PI * done)) + alpha);
  };
}

Schedule inverse_time(Words& words) {
  const double steps = words.positive("decay_steps"), rate = words.number("decay_rate");
  return [=](double initial, int64_t t) {
    return initial / (1 + rate * static_cast<double>(t) / steps);
  };
}

Schedule piecewise(Words& words) {
  const std::vector<double> bounds = words.numbers("boundaries"), values = words.numbers("values");
  if (values.size() != bounds.size() + 1)
    words.fail(cat(bounds.size(), " boundaries need ", bounds.size() + 1, " values"));
  return [=](double, int64_t t) {
    size_t i = 0;
    while (i < bounds.size() && static_cast<double>(t) > bounds[i]) ++i;
    return values[i];
  };
}

}  // namespace

Schedule schedule_named(const std::string& text) {
  if (text.empty()) return [](double initial, int64_t) { return initial; };
  Words words(text);
  Schedule schedule;
  if (words.kind == "exponential") schedule = exponential(words);
  if (words.kind == "cosine") schedule = cosine(words);
  if (words.kind == "inverse_time") schedule = inverse_time(words);
  if (words.kind == "piecewise") schedule = piecewise(words);
  if (!schedule)
    words.fail("there are exponential, cosine, inverse_time and piecewise");
  words.finish();
  return schedule;
}

}  // namespace cnnc
