#include "frontend/data/file_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "ir/error.h"

namespace cnnc::dsl {

bool file_exists(const std::string& path) {
  std::error_code code;
  return std::filesystem::is_regular_file(path, code);
}

// zlib passes files that are not gzipped through as they are.
std::vector<uint8_t> read_data_file(const std::string& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) throw Error(path + ": is a folder, need a file", Fault::file);
  errno = 0;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) throw Error(cat(path, ": ", std::strerror(errno ? errno : ENOMEM)), Fault::file);
  gzbuffer(file.get(), 1 << 18);
  const auto on_disk = static_cast<size_t>(std::filesystem::file_size(path, code));
  std::vector<uint8_t> bytes(gzdirect(file.get()) ? on_disk : on_disk * 4);
  size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(bytes.size() * 2 + 4096);
    const unsigned wanted = static_cast<unsigned>(std::min<size_t>(bytes.size() - used, 1u << 30));
    const int count = gzread(file.get(), bytes.data() + used, wanted);
    if (count < 0) {
      int number = 0;
      throw Error(cat(path, ": the gzip data are damaged or cut short: ", gzerror(file.get(), &number)), Fault::file);
    }
    used += static_cast<size_t>(count);
    if (count == 0) break;
  }
  int number = 0;
  const char* message = gzerror(file.get(), &number);
  if (number != Z_OK && number != Z_STREAM_END)
    throw Error(cat(path, ": the gzip data are cut short (", message, ")"), Fault::file);
  bytes.resize(used);
  return bytes;
}

std::vector<uint8_t> inflate_raw(const uint8_t* bytes, size_t count, size_t size, const std::string& what) {
  std::vector<uint8_t> result(size);
  z_stream stream{};
  inflateInit2(&stream, -MAX_WBITS);
  stream.next_in = const_cast<uint8_t*>(bytes);
  stream.avail_in = static_cast<unsigned>(count);
  stream.next_out = result.data();
  stream.avail_out = static_cast<unsigned>(size);
  const int status = inflate(&stream, Z_FINISH);
  const bool complete = status == Z_STREAM_END && stream.total_out == size;
  inflateEnd(&stream);
  if (!complete) throw Error(what + ": the compressed data are damaged", Fault::file);
  return result;
}

}  // namespace cnnc::dsl
