// Bytes of data files, gzipped or not.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cnnc::dsl {

// A file read from its beginning on, inflated when it begins as gzip does. Everything throws Error (Fault::file) that
// names the file.
class DataFile {
 public:
  explicit DataFile(const std::string& path);
  // Up to `count` bytes; fewer at the end of the file only.
  size_t read(void* to, size_t count);
  // What read() can give at most: nothing that a header says needs more memory than this.
  size_t most_bytes() const;

 private:
  std::string path_;
  std::shared_ptr<void> file_;
};

// The whole file, inflated when it begins as gzip does. Throws Error (Fault::file) naming it.
std::vector<uint8_t> read_data_file(const std::string& path);
// Inflates raw deflate data of a known size.
std::vector<uint8_t> inflate_raw(const uint8_t* bytes, size_t count, size_t size, const std::string& what);
// Whether there is a file of that name.
bool file_exists(const std::string& path);

}  // namespace cnnc::dsl
