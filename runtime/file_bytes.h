// Whole files: read into memory, and written so that a file is either complete or not there.
#ifndef RUNTIME_FILE_BYTES_H_
#define RUNTIME_FILE_BYTES_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/error_text.h"

namespace cnnc {

class FileBytes {
 public:
  FileBytes() = default;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes();

  // Regular files only; false with a message naming the file.
  bool read(const char* path, ErrorText* error);

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Devices and pipes, whose place no file may take.
bool is_device(const char* path);

// Writes beside the target and renames on commit; without a commit nothing is left. Devices and pipes are written to
// as they are.
class FileWriter {
 public:
  FileWriter() = default;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  bool open(const char* path, ErrorText* error);
  bool write(const void* data, size_t bytes, ErrorText* error);
  bool commit(ErrorText* error);

 private:
  bool failed(ErrorText* error);

  FILE* file_ = nullptr;
  char path_[4096];
  char temporary_[4112];
};

} // namespace cnnc

#endif // RUNTIME_FILE_BYTES_H_
