// NumPy's fixed-width texts, '<U7': every element has the same number of 4-byte characters, zeros at its end.
#ifndef RUNTIME_NPY_TEXT_H_
#define RUNTIME_NPY_TEXT_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/array.h"
#include "runtime/file_bytes.h"
#include "runtime/host_tensor.h"

namespace cnnc {

constexpr size_t kBytesOfCharacter = 4;

// "U7" gives 7; false for anything else.
bool parse_text_code(const char* code, size_t* characters);

// Reads one text for each entry of `texts` into memory that `out` owns.
bool read_texts(const uint8_t* source, size_t characters, Array<const char*>& texts, HostTensor* out,
                ErrorText* error);

// Characters of the longest element, at least 1.
size_t longest_text(const HostTensor& tensor);
bool write_texts(FileWriter* file, const HostTensor& tensor, size_t characters, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_NPY_TEXT_H_
