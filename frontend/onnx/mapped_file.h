// Files mapped into memory for reading.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace cnnc {

class MappedFile {
 public:
  // Throws Error (Fault::file) when it cannot be read or is no regular file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  // The file `location` in or below `folder`, for names that a model gives: never follows a
  // symbolic link or `..`, and takes no file that has other names (hard links), so that it stays
  // inside. Throws Error.
  static std::shared_ptr<const MappedFile> open_below(const std::string& folder,
                                                      const std::string& location);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Lets the memory of the first `count` bytes go; they are read from the file again when asked for
  // again.
  void release(size_t count) const;

  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }

 private:
  MappedFile(void* address, size_t size) : address_(address), size_(size) {}
  static std::shared_ptr<const MappedFile> map(int descriptor, const std::string& what,
                                               bool only_name);

  void* address_;
  size_t size_;
};

}  // namespace cnnc
