// Memory between two pages that may not be touched.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace cnnc::codegen {

// A copy of some bytes that touches the forbidden page behind it, or the one in front of it.
class GuardedMemory {
 public:
  GuardedMemory(const void* from, size_t bytes, bool at_end)
      : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), inner_((bytes / page_ + 1) * page_) {
    map_ = static_cast<char*>(
        mmap(nullptr, inner_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(map_ + page_, inner_, PROT_READ | PROT_WRITE);
    data_ = map_ + page_ + (at_end ? inner_ - bytes : 0);
    std::memcpy(data_, from, bytes);
  }
  ~GuardedMemory() { munmap(map_, inner_ + 2 * page_); }
  GuardedMemory(const GuardedMemory&) = delete;

  void* data() const { return data_; }

 private:
  size_t page_;
  size_t inner_;
  char* map_;
  char* data_;
};

}  // namespace cnnc::codegen
