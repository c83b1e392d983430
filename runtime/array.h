// A fixed-size array of zeroed plain data from libc's heap, for code that links no C++ library.
#ifndef RUNTIME_ARRAY_H_
#define RUNTIME_ARRAY_H_

#include <stddef.h>
#include <stdlib.h>

namespace cnnc {

template <typename T>
class Array {
 public:
  Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { free(data_); }

  // Drops the old contents; false when memory is short.
  bool allocate(size_t count) {
    free(data_);
    data_ = static_cast<T*>(calloc(count ? count : 1, sizeof(T)));
    count_ = data_ ? count : 0;
    return data_ != nullptr;
  }

  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + count_; }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

} // namespace cnnc

#endif // RUNTIME_ARRAY_H_
