#include "runtime/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cnnc {
namespace {

bool read_all(int file, uint8_t* data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = read(file, data + done, bytes - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) {
      errno = EIO; // shorter than fstat said: it changed meanwhile
      return false;
    }
    done += static_cast<size_t>(got);
  }
  return true;
}

} // namespace

FileBytes::~FileBytes() { free(data_); }

bool FileBytes::read(const char* path, ErrorText* error) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not block
  if (file < 0) return error->set("cannot read '%s': %s", path, strerror(errno));
  struct stat info;
  const bool regular = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  if (!regular) {
    close(file);
    return error->set("cannot read '%s': it is not a regular file", path);
  }
  size_ = static_cast<size_t>(info.st_size);
  free(data_);
  data_ = static_cast<uint8_t*>(malloc(size_ + 1));
  const bool ok = data_ && read_all(file, data_, size_);
  const int reason = data_ ? errno : ENOMEM;
  close(file);
  return ok || error->set("cannot read '%s': %s", path, strerror(reason));
}

FileWriter::~FileWriter() {
  if (!file_) return;
  fclose(file_);
  if (temporary_[0]) unlink(temporary_);
}

bool is_device(const char* path) {
  struct stat info;
  return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool FileWriter::failed(ErrorText* error) {
  return error->set("cannot write '%s': %s", path_, strerror(errno));
}

bool FileWriter::open(const char* path, ErrorText* error) {
  if (strlen(path) >= sizeof path_) return error->set("cannot write: the path is too long");
  snprintf(path_, sizeof path_, "%s", path);
  const bool direct = is_device(path);
  temporary_[0] = 0;
  if (!direct) snprintf(temporary_, sizeof temporary_, "%s.%d.tmp", path, static_cast<int>(getpid()));
  const int file = direct ? ::open(path, O_WRONLY | O_CLOEXEC)
                          : ::open(temporary_, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) return failed(error);
  file_ = fdopen(file, "wb");
  if (!file_) {
    failed(error);
    close(file);
    if (!direct) unlink(temporary_);
    return false;
  }
  return true;
}

bool FileWriter::write(const void* data, size_t bytes, ErrorText* error) {
  return fwrite(data, 1, bytes, file_) == bytes || failed(error);
}

bool FileWriter::commit(ErrorText* error) {
  FILE* file = file_;
  file_ = nullptr;
  const bool direct = temporary_[0] == 0;
  const bool ok = fclose(file) == 0 && (direct || rename(temporary_, path_) == 0);
  if (ok) return true;
  failed(error);
  if (!direct) unlink(temporary_);
  return false;
}

} // namespace cnnc
