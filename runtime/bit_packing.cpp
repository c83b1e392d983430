#include "runtime/bit_packing.h"

namespace cnnc {

int64_t packed_bytes(DType type, int64_t count) {
  const int bits = bits_of(type);
  if (bits >= 8) return count * (bits / 8);
  const int per_byte = 8 / bits;
  return count / per_byte + (count % per_byte != 0);
}

uint8_t element_byte(DType type, uint8_t bits) {
  const int unused = 8 - bits_of(type);
  const auto top = static_cast<uint8_t>(bits << unused);
  return is_signed_int(type) ? static_cast<uint8_t>(static_cast<int8_t>(top) >> unused)
                             : static_cast<uint8_t>(top >> unused);
}

void unpack_elements(DType type, const uint8_t* packed, int64_t count, uint8_t* elements) {
  const int bits = bits_of(type), per_byte = 8 / bits;
  // From the last, so that in place no packed byte is overwritten before its elements are out.
  for (int64_t i = count; i-- > 0;)
    elements[i] = element_byte(type, static_cast<uint8_t>(packed[i / per_byte] >> i % per_byte * bits));
}

void pack_elements(DType type, const uint8_t* elements, int64_t count, uint8_t* packed) {
  const int bits = bits_of(type), per_byte = 8 / bits, mask = (1 << bits) - 1;
  for (int64_t i = 0; i < packed_bytes(type, count); ++i) packed[i] = 0;
  for (int64_t i = 0; i < count; ++i)
    packed[i / per_byte] =
        static_cast<uint8_t>(packed[i / per_byte] | (elements[i] & mask) << i % per_byte * bits);
}

}  // namespace cnnc
