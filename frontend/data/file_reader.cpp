#include "frontend/data/file_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "ir/error.h"

namespace cnnc::dsl {

bool file_exists(const std::string& path) {
  std::error_code code;
  return std::filesystem::is_regular_file(path, code);
}

// zlib passes files that are not gzipped through as they are.
DataFile::DataFile(const std::string& path) : path_(path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) throw Error(path + ": is a folder, need a file", Fault::file);
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw Error(cat(path, ": ", std::strerror(errno ? errno : ENOMEM)), Fault::file);
  file_ = std::shared_ptr<void>(file, [](void* f) { gzclose(static_cast<gzFile>(f)); });
  gzbuffer(file, 1 << 18);
}

size_t DataFile::read(void* to, size_t count) {
  const auto file = static_cast<gzFile>(file_.get());
  size_t done = 0;
  while (done < count) {
    const unsigned wanted = static_cast<unsigned>(std::min<size_t>(count - done, 1u << 30));
    const int got = gzread(file, static_cast<char*>(to) + done, wanted);
    int number = Z_OK;
    const char* message = gzerror(file, &number);
    if (got < 0 || (number != Z_OK && number != Z_STREAM_END))
      throw Error(cat(path_, ": the gzip data are damaged or cut short (", message, ")"), Fault::file);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

size_t DataFile::most_bytes() const {
  constexpr size_t kBestCompression = 1032;  // of deflate
  std::error_code code;
  const auto on_disk = static_cast<size_t>(std::filesystem::file_size(path_, code));
  return gzdirect(static_cast<gzFile>(file_.get())) ? on_disk : on_disk * kBestCompression;
}

std::vector<uint8_t> read_data_file(const std::string& path) {
  constexpr size_t kFirst = size_t{1} << 20;
  DataFile file(path);
  std::vector<uint8_t> bytes(std::min(file.most_bytes(), kFirst) + 1);  // one more shows the end
  size_t used = 0;
  for (;;) {
    used += file.read(bytes.data() + used, bytes.size() - used);
    if (used < bytes.size()) break;
    bytes.resize(std::min(bytes.size() * 4, file.most_bytes() + 1));
    if (used == bytes.size()) bytes.resize(used * 2);  // the file has grown meanwhile
  }
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
