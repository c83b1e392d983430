#include "frontend/onnx/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "ir/error.h"

namespace cnnc {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void cannot_read(const std::string& what, const std::string& why) {
  throw Error(cat("cannot read ", what, ": ", why), Fault::file);
}

const char* kind_of_file(mode_t mode) {
  if (S_ISDIR(mode)) return "it is a folder";
  if (S_ISFIFO(mode)) return "it is a pipe";
  if (S_ISSOCK(mode)) return "it is a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "it is a device";
  return "it is no regular file";
}

std::vector<std::string> components(const std::string& location, const std::string& what) {
  if (location.empty()) cannot_read(what, "its name is empty");
  if (location.find('\0') != std::string::npos) cannot_read(what, "its name holds a NUL");
  if (location[0] == '/')
    cannot_read(what, "its name is absolute; it must be inside the model's folder");
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= location.size();) {
    const size_t end = std::min(location.find('/', begin), location.size());
    const std::string part = location.substr(begin, end - begin);
    if (part == "..")
      cannot_read(what, "its name holds '..'; it must be inside the model's folder");
    if (!part.empty() && part != ".") parts.push_back(part);
    begin = end + 1;
  }
  if (parts.empty()) cannot_read(what, "it is a folder");
  return parts;
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::map(int descriptor, const std::string& what,
                                                  bool only_name) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) cannot_read(what, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) cannot_read(what, kind_of_file(status.st_mode));
  if (only_name && status.st_nlink > 1)
    cannot_read(
        what,
        "it has several names (hard links), perhaps outside the model's folder; copy the file");
  const size_t size = static_cast<size_t>(status.st_size);
  void* address = nullptr;  // an empty file cannot be mapped
  if (size > 0) {
    address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) cannot_read(what, std::strerror(errno));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(address, size));
}

// O_NONBLOCK everywhere: opening a pipe must not wait for its writer.
std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const std::string what = quoted(path);
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) cannot_read(what, std::strerror(errno));
  return map(file.get(), what, false);
}

std::shared_ptr<const MappedFile> MappedFile::open_below(const std::string& folder,
                                                         const std::string& location) {
  const std::string what = "external data file " + quoted(location);
  const std::vector<std::string> parts = components(location, what);
  Descriptor current(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  for (size_t i = 0; i < parts.size() && current.get() >= 0; ++i) {
    const int kind = i + 1 < parts.size() ? O_DIRECTORY : O_NONBLOCK;
    current = Descriptor(
        ::openat(current.get(), parts[i].c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | kind));
  }
  if (current.get() < 0) {
    if (errno == ELOOP)
      cannot_read(what, "it is a symbolic link; the model's folder must hold the file itself");
    cannot_read(what, std::strerror(errno));
  }
  return map(current.get(), what, true);
}

void MappedFile::release(size_t count) const {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (count >= page) ::madvise(address_, count / page * page, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace cnnc
