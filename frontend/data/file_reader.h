// Bytes of data files, gzipped or not.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cnnc::dsl {

// The whole file, inflated when it begins as gzip does. Throws Error (Fault::file) naming it.
std::vector<uint8_t> read_data_file(const std::string& path);
// Inflates raw deflate data of a known size.
std::vector<uint8_t> inflate_raw(const uint8_t* bytes, size_t count, size_t size, const std::string& what);
// Whether there is a file of that name.
bool file_exists(const std::string& path);

}  // namespace cnnc::dsl
