#include "codegen/llvm/temporary_file.h"

#include <llvm/Support/FileSystem.h>
#include <llvm/Support/Process.h>
#include <llvm/Support/Signals.h>
#include <llvm/Support/raw_ostream.h>

#include <csignal>

#include "ir/error.h"
#include "runtime/file_bytes.h"

namespace cnnc::codegen {

static void check(std::error_code code, const char* what, const std::string& path) {
  if (code) throw Error(cat("cannot ", what, " ", quoted(path), ": ", code.message()), Fault::file);
}

TemporaryFile::TemporaryFile(const std::string& beside) {
  std::error_code code;
  do {
    llvm::SmallString<256> path;
    const bool in_temporary_folder = is_device(beside.c_str());
    llvm::sys::fs::createUniquePath((in_temporary_folder ? "cnnc" : beside) + ".%%%%%%%%.tmp", path, in_temporary_folder);
    path_ = path.str();
    llvm::sys::RemoveFileOnSignal(path_);  // first, so that no signal finds a file that nobody removes
    int file = -1;
    code = llvm::sys::fs::openFileForWrite(path_, file, llvm::sys::fs::CD_CreateNew);
    if (!code) code = llvm::sys::Process::SafelyCloseFileDescriptor(file);
    if (code) llvm::sys::DontRemoveFileOnSignal(path_);
  } while (code == std::errc::file_exists);
  check(code, "write", beside);
}

TemporaryFile::~TemporaryFile() {
  if (renamed_) return;
  llvm::sys::fs::remove(path_);
  llvm::sys::DontRemoveFileOnSignal(path_);
}

void TemporaryFile::write(std::string_view bytes) {
  std::error_code code;
  llvm::raw_fd_ostream out(path_, code);
  check(code, "write", path_);
  out << bytes;
  out.close();
  code = out.error();
  out.clear_error();
  check(code, "write", path_);
}

// The permissions that a new file of this user has.
static llvm::sys::fs::perms permissions_of_new(bool executable) {
  const unsigned mask = llvm::sys::fs::getUmask();
  return static_cast<llvm::sys::fs::perms>((executable ? 0777U : 0666U) & ~mask);
}

static void copy_to_device(const std::string& from, const std::string& device) {
  FileBytes bytes;
  FileWriter writer;
  ErrorText error;
  if (!bytes.read(from.c_str(), &error) || !writer.open(device.c_str(), &error) ||
      !writer.write(bytes.data(), bytes.size(), &error) || !writer.commit(&error))
    throw Error(error.text, Fault::file);
}

void TemporaryFile::rename_to(const std::string& path, bool executable) {
  if (is_device(path.c_str())) return copy_to_device(path_, path);
  check(llvm::sys::fs::setPermissions(path_, permissions_of_new(executable)), "write", path);
  check(llvm::sys::fs::rename(path_, path), "write", path);
  renamed_ = true;
  llvm::sys::DontRemoveFileOnSignal(path_);
}

SizeLimitIsAnError::SizeLimitIsAnError() : before_(std::signal(SIGXFSZ, SIG_IGN)) {}
SizeLimitIsAnError::~SizeLimitIsAnError() { std::signal(SIGXFSZ, before_); }

}  // namespace cnnc::codegen
