#include "runtime/memory_block.h"

#include <stdlib.h>
#include <sys/mman.h>

namespace cnnc {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

} // namespace

MemoryBlock::~MemoryBlock() { free(data_); }

bool MemoryBlock::reserve(size_t bytes) {
  if (bytes <= capacity_) return true;
  free(data_);
  capacity_ = 0;
  const size_t alignment = bytes >= 2 * kHugePage ? kHugePage : 64;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  data_ = static_cast<char*>(aligned_alloc(alignment, rounded));
  if (!data_) return false;
  if (alignment == kHugePage) madvise(data_, rounded, MADV_HUGEPAGE);
  capacity_ = rounded;
  return true;
}

} // namespace cnnc
