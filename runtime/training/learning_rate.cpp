#include "runtime/training/learning_rate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

namespace cnnc {
namespace {

constexpr const char* kKinds[] = {"constant",   "exponential", "cosine", "inverse_time",
                                  "polynomial", "piecewise",   "step"};

// A part of the text, up to a separator.
struct Word {
  const char* at;
  size_t size;

  bool is(const char* text) const { return strlen(text) == size && !strncmp(at, text, size); }
};

Word first_word(const char* text, char separator) {
  const char* end = strchr(text, separator);
  return {text, end ? static_cast<size_t>(end - text) : strlen(text)};
}

class Parser {
 public:
  Parser(const char* text, LearningRate* rate, ErrorText* error)
      : text_(text), rate_(*rate), error_(*error) {}

  bool parse() {
    if (!*text_) return true;
    const Word kind = first_word(text_, ',');
    if (!set_kind(kind)) return false;
    for (const char* rest = kind.at + kind.size; *rest == ',';) {
      const Word word = first_word(rest + 1, ',');
      if (!set_value(word)) return false;
      rest = word.at + word.size;
    }
    return check();
  }

 private:
  bool fail(const char* why) { return error_.set("--lr-schedule '%s': %s", text_, why); }
  bool fail_word(const Word& word, const char* why) {
    return error_.set("--lr-schedule '%s': '%.*s' %s", text_, static_cast<int>(word.size), word.at,
                      why);
  }

  bool set_kind(const Word& word) {
    for (size_t i = 0; i < sizeof kKinds / sizeof *kKinds; ++i) {
      if (!word.is(kKinds[i])) continue;
      rate_.decay = static_cast<Decay>(i);
      return true;
    }
    return fail("there are constant, exponential, cosine, inverse_time, polynomial, piecewise and "
                "step");
  }

  // The field that a key sets, or NULL.
  double* field(const Word& key) {
    const Decay d = rate_.decay;
    if (key.is("warmup_steps")) return &rate_.warmup_steps;
    if (d == Decay::step && key.is("gamma")) return has_rate_ = true, &rate_.decay_rate;
    if (d == Decay::step && key.is("step_size")) return has_steps_ = true, &rate_.decay_steps;
    const bool decays = d != Decay::none && d != Decay::piecewise && d != Decay::step;
    if (decays && key.is("decay_steps")) return has_steps_ = true, &rate_.decay_steps;
    const bool has_rate = d == Decay::exponential || d == Decay::inverse_time;
    if (has_rate && key.is("decay_rate")) return has_rate_ = true, &rate_.decay_rate;
    if (d == Decay::exponential && key.is("staircase")) return &staircase_;
    if (d == Decay::cosine && key.is("alpha")) return &rate_.alpha;
    if (d == Decay::polynomial && key.is("end")) return &rate_.end;
    if (d == Decay::polynomial && key.is("power")) return &rate_.power;
    return nullptr;
  }

  bool set_value(const Word& word) {
    const auto* equals = static_cast<const char*>(memchr(word.at, '=', word.size));
    if (!equals) return fail_word(word, "is not of the form KEY=VALUE");
    const Word key{word.at, static_cast<size_t>(equals - word.at)};
    const Word value{equals + 1, word.size - key.size - 1};
    if (rate_.decay == Decay::piecewise && key.is("boundaries")) {
      return numbers(value, rate_.boundaries, LearningRate::kMostBoundaries,
                     &rate_.boundary_count);
    }
    if (rate_.decay == Decay::piecewise && key.is("values")) {
      return numbers(value, rate_.values, LearningRate::kMostBoundaries + 1, &value_count_);
    }
    double* target = field(key);
    if (!target) return fail_word(key, "is no part of this schedule");
    int32_t count;
    return numbers(value, target, 1, &count);
  }

  // "a:b:c", at most `most` numbers.
  bool numbers(const Word& word, double* to, int32_t most, int32_t* count) {
    *count = 0;
    const char *at = word.at, *end = word.at + word.size;
    for (;;) {
      char* stop;
      const double value = strtod(at, &stop);
      if (stop == at || stop > end || (*stop != ':' && stop != end) || !isfinite(value)) {
        return fail_word(word, "is no number");
      }
      if (*count == most) return fail_word(word, "has too many numbers");
      to[(*count)++] = value;
      if (stop == end) return true;
      at = stop + 1;
    }
  }

  bool check() {
    const Decay d = rate_.decay;
    rate_.staircase = staircase_ != 0;
    if (rate_.warmup_steps < 0) return fail("warmup_steps must not be negative");
    for (int32_t i = 1; i < rate_.boundary_count; ++i) {
      if (!(rate_.boundaries[i] > rate_.boundaries[i - 1])) return fail("boundaries must grow");
    }
    if (d == Decay::piecewise) {
      return value_count_ == rate_.boundary_count + 1 ||
             error_.set("--lr-schedule '%s': %d boundaries need %d values", text_,
                        rate_.boundary_count, rate_.boundary_count + 1);
    }
    const char* steps = d == Decay::step ? "step_size" : "decay_steps";
    if (d != Decay::none && !has_steps_) {
      return error_.set("--lr-schedule '%s': %s= is missing", text_, steps);
    }
    if (!(rate_.decay_steps > 0)) {
      return error_.set("--lr-schedule '%s': %s must be greater than 0", text_, steps);
    }
    if (d == Decay::step && !has_rate_) rate_.decay_rate = 0.1;
    const bool needs_rate = d == Decay::exponential || d == Decay::inverse_time;
    return !needs_rate || has_rate_ || fail("decay_rate= is missing");
  }

  const char* text_;
  LearningRate& rate_;
  ErrorText& error_;
  double staircase_ = 0;
  bool has_steps_ = false, has_rate_ = false;
  int32_t value_count_ = 0;
};

double piecewise(const LearningRate& rate, double t) {
  int32_t i = 0;
  while (i < rate.boundary_count && t > rate.boundaries[i]) ++i;
  return rate.values[i];
}

} // namespace

bool LearningRate::parse(const char* text, ErrorText* error) {
  return Parser(text, this, error).parse();
}

double LearningRate::at(int64_t step) const {
  double t = static_cast<double>(step);
  if (t < warmup_steps) return initial * (t + 1) / warmup_steps;
  t -= warmup_steps;
  const double done = t / decay_steps, part = done < 1 ? done : 1;
  switch (decay) {
    case Decay::none: return initial;
    case Decay::exponential: return initial * pow(decay_rate, staircase ? floor(done) : done);
    case Decay::cosine:
      return initial * ((1 - alpha) * 0.5 * (1 + cos(M_PI * part)) + alpha);
    case Decay::inverse_time: return initial / (1 + decay_rate * t / decay_steps);
    case Decay::polynomial: return (initial - end) * pow(1 - part, power) + end;
    case Decay::piecewise: return piecewise(*this, t);
    case Decay::step: return initial * pow(decay_rate, floor(done));
  }
  return initial;
}

} // namespace cnnc
