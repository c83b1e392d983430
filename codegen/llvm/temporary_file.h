// A file that exists only until it is renamed or forgotten.
#pragma once
#include <string>
#include <string_view>

namespace cnnc::codegen {

// A new empty file beside `path` (or, where that is a device, among the system's temporary ones), with a name of its own. The destructor removes it, and so does a signal that ends the
// process.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& beside);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  void write(std::string_view bytes);
  // Gives it the name `path`, replacing what is there, and it is no longer temporary; a device is written to instead.
  void rename_to(const std::string& path, bool executable);

 private:
  std::string path_;
  bool renamed_ = false;
};

// While it lives, a write beyond the limit of file sizes is an error like a full disk, not a signal.
class SizeLimitIsAnError {
 public:
  SizeLimitIsAnError();
  ~SizeLimitIsAnError();

 private:
  void (*before_)(int);
};

}  // namespace cnnc::codegen
