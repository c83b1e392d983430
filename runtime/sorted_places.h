// The places of each row's first elements when it is sorted: the kernel of SortedPlaces, and its
// reference.
#ifndef RUNTIME_SORTED_PLACES_H_
#define RUNTIME_SORTED_PLACES_H_

#include <stdint.h>

namespace cnnc {

// The working memory of rows of `size` elements of which `count` are wanted holds
// min(size, kSortedPlacesRoom + 2 count) entries of so many bytes.
inline constexpr int64_t kSortedPlacesRoom = 32, kSortedPlaceBytes = 16;

} // namespace cnnc

// Rows [begin, end) of `x` [rows, size]: in which places the `count` <= size greatest (or least) are,
// in order, to `places` [rows, count]. NaN counts as the greatest; of equal elements the one with the
// lower index comes first. The elements are integers or floats of 8 to 64 bits. `scratch` is the
// working memory, aligned to 16 bytes. Called by kernels (codegen/llvm/sorted_places.cpp).
extern "C" void cnnc_sorted_places(int32_t dtype, int32_t largest, const void* x, int64_t* places,
                                   int64_t size, int64_t count, int64_t begin, int64_t end,
                                   void* scratch);

#endif // RUNTIME_SORTED_PLACES_H_
