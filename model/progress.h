// Progress lines as Keras prints them.
#pragma once
#include <cstdint>
#include <iosfwd>
#include <string>

#include "cnnc/training.h"

namespace cnnc::dsl {

// "accuracy: 0.9614 - loss: 0.1303"; values below 1e-3 in exponent form.
std::string logs_text(const Logs& logs);

// The lines of one epoch, or of an evaluation.
class Progress {
 public:
  // 0 steps: nobody knows how many before the end.
  Progress(Verbose verbose, int64_t steps);

  void begin_epoch(int epoch, int epochs);  // from 0
  // Redraws the bar on a terminal, at most 20 times a second.
  void step(int64_t done, const Logs& logs);
  // After `done` steps, which are fewer than was known when training was stopped.
  void end(int64_t done, const Logs& logs);
  double seconds() const;

 private:
  std::string bar(int64_t done, const std::string& time, const Logs& logs) const;

  Verbose verbose_;
  bool terminal_;
  int64_t steps_, begin_ns_, drawn_ns_ = 0;
};

}  // namespace cnnc::dsl
