// Working memory that grows and is kept between runs.
#ifndef RUNTIME_MEMORY_BLOCK_H_
#define RUNTIME_MEMORY_BLOCK_H_

#include <stddef.h>

namespace cnnc {

class MemoryBlock {
 public:
  MemoryBlock() = default;
  MemoryBlock(const MemoryBlock&) = delete;
  MemoryBlock& operator=(const MemoryBlock&) = delete;
  ~MemoryBlock();

  // Makes at least `bytes` available, aligned to 64 (large blocks: on huge pages where the system
  // has them). The contents are lost when it grows. False when memory is short.
  bool reserve(size_t bytes);

  char* data() const { return data_; }

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

} // namespace cnnc

#endif // RUNTIME_MEMORY_BLOCK_H_
