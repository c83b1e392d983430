// Elements of 2 and 4 bits as files store them: several to a byte, the first in the lowest bits, the last byte filled
// up with zeros.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/dtype.h"

namespace cnnc {

inline bool is_packed_in_files(DType type) { return is_narrow(type) && bits_of(type) < 8; }
// Bytes that `count` elements take in a file; any type.
int64_t packed_bytes(DType type, int64_t count);
// Between a file's bytes and one byte for each element. Only for types that are packed. Unpacking may happen in place.
void unpack_elements(DType type, const uint8_t* packed, int64_t count, uint8_t* elements);
void pack_elements(DType type, const uint8_t* elements, int64_t count, uint8_t* packed);
// The byte that holds an element of a narrow type in memory, from one whose upper bits are of no meaning.
uint8_t element_byte(DType type, uint8_t bits);

}  // namespace cnnc
