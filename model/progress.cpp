#include "model/progress.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>

#include "ir/error.h"

namespace cnnc::dsl {

static int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string logs_text(const Logs& logs) {
  std::string text;
  for (const auto& [name, value] : logs) {
    char number[32];
    std::snprintf(number, sizeof number, std::abs(value) > 1e-3 || value == 0 ? "%.4f" : "%.4e", value);
    text += (text.empty() ? "" : " - ") + name + ": " + number;
  }
  return text;
}

static std::string step_time(double seconds) {
  char text[32];
  if (seconds >= 1) std::snprintf(text, sizeof text, "%.0fs/step", seconds);
  else if (seconds >= 1e-3) std::snprintf(text, sizeof text, "%.0fms/step", seconds * 1e3);
  else std::snprintf(text, sizeof text, "%.0fus/step", seconds * 1e6);
  return text;
}

static std::string whole_seconds(double seconds) {
  char text[32];
  if (seconds < 60) std::snprintf(text, sizeof text, "%.0fs", seconds);
  else std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
  return text;
}

Progress::Progress(Verbose verbose, int64_t steps)
    : verbose_(verbose == Verbose::automatic ? Verbose::bar : verbose),
      terminal_(isatty(STDOUT_FILENO) != 0),
      steps_(steps),
      begin_ns_(now_ns()) {}

double Progress::seconds() const { return static_cast<double>(now_ns() - begin_ns_) * 1e-9; }

void Progress::begin_epoch(int epoch, int epochs) {
  if (verbose_ == Verbose::silent) return;
  std::printf("Epoch %d/%d\n", epoch + 1, epochs);
  std::fflush(stdout);
}

std::string Progress::bar(int64_t done, const std::string& time, const Logs& logs) const {
  static constexpr int kWidth = 20;
  const int64_t full = steps_ == 0 ? 0 : done * kWidth / steps_;
  std::string text = cat(done, "/", steps_ == 0 ? "Unknown" : cat(steps_), " ");
  for (int i = 0; i < kWidth; ++i) text += i < full || !terminal_ ? "━" : "\033[2m━\033[0m";
  return text + " " + time + (logs.empty() ? "" : " - " + logs_text(logs));
}

void Progress::step(int64_t done, const Logs& logs) {
  if (verbose_ != Verbose::bar || !terminal_ || done == 0) return;
  const int64_t now = now_ns();
  if (now - drawn_ns_ < 50'000'000) return;
  drawn_ns_ = now;
  const double each = seconds() / static_cast<double>(done);
  const std::string time = whole_seconds(steps_ == 0 ? seconds() : each * static_cast<double>(steps_ - done)) + " " + step_time(each);
  std::printf("\r%s\033[K", bar(done, time, logs).c_str());
  std::fflush(stdout);
}

void Progress::end(int64_t done, const Logs& logs) {
  if (verbose_ == Verbose::silent) return;
  if (steps_ == 0) steps_ = done;
  const double all = seconds(), each = all / static_cast<double>(std::max<int64_t>(1, done));
  if (verbose_ == Verbose::lines) {
    std::printf("%s\n", cat(done, "/", steps_, " - ", whole_seconds(all), " - ", step_time(each), " - ", logs_text(logs)).c_str());
  } else {
    std::printf("%s%s%s\n", terminal_ ? "\r" : "", bar(done, whole_seconds(all) + " " + step_time(each), logs).c_str(),
                terminal_ ? "\033[K" : "");
  }
  std::fflush(stdout);
}

}  // namespace cnnc::dsl
