#pragma once
#include <string>

namespace cnnc::tools {

// Tells on a terminal what a long command is doing, in one line that vanishes at the end; nothing elsewhere.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;

  void say(const std::string& stage) const;
  // Makes room for other output.
  void clear() const;

 private:
  bool shown_;
};

}  // namespace cnnc::tools
