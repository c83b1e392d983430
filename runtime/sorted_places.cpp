#include "runtime/sorted_places.h"

#include <algorithm>
#include <functional>

#include "runtime/cnnc.h"

namespace cnnc {
namespace {

// ---- elements as integers of the same order ----------------------------------------------------

// Sign and magnitude become two's complement, both zeros one number, every NaN the greatest.
template <typename Bits>
Bits float_key(Bits bits, Bits infinity) {
  constexpr int kSign = 8 * sizeof(Bits) - 1;
  const auto sign = static_cast<Bits>(bits >> kSign);
  const auto magnitude = static_cast<Bits>(bits & ~(Bits{1} << kSign));
  const auto key = static_cast<Bits>((magnitude ^ sign) - sign);
  return magnitude > infinity ? static_cast<Bits>(~(Bits{1} << kSign)) : key;
}

template <typename Bits, Bits infinity>
struct Float {
  using Stored = Bits;
  using Key = Bits;
  static Key key(Stored bits) { return float_key(bits, infinity); }
};

template <typename T, typename Wide>
struct Integer {
  using Stored = T;
  using Key = Wide;
  static Key key(Stored value) {
    // Unsigned numbers as wide as the key begin at its least.
    constexpr bool moves = sizeof(T) == sizeof(Wide) && static_cast<T>(-1) > 0;
    constexpr Wide least = moves ? Wide{1} << (8 * sizeof(Wide) - 1) : 0;
    return static_cast<Wide>(static_cast<Wide>(value) ^ least);
  }
};

// ---- selection ---------------------------------------------------------------------------------

__extension__ typedef unsigned __int128 Wide;

// A key and its place as one number: the greatest comes first, and of equal keys the lower place.
template <typename Entry, typename Key>
struct Packing {
  static constexpr int kPlaceBits = 4 * sizeof(Entry);
  static constexpr Entry kPlaces = (Entry{1} << kPlaceBits) - 1;

  static Entry pack(Key key, int64_t place) {
    const Entry unsigned_key = (static_cast<Entry>(key) & kPlaces) ^ (Entry{1} << (kPlaceBits - 1));
    return unsigned_key << kPlaceBits | (~static_cast<Entry>(place) & kPlaces);
  }
  static Key key(Entry entry) {
    return static_cast<Key>((entry >> kPlaceBits) ^ (Entry{1} << (kPlaceBits - 1)));
  }
  static int64_t place(Entry entry) { return static_cast<int64_t>(~entry & kPlaces); }
};

// The greatest `count` of `n` >= count come before the others; returns the least of them.
template <typename Entry>
[[gnu::noinline]] Entry select_first(Entry* kept, int64_t n, int64_t count) {
  std::nth_element(kept, kept + count - 1, kept + n, std::greater<>());
  return kept[count - 1];
}

template <typename Entry>
[[gnu::noinline]] void sort_greatest_first(Entry* kept, int64_t n) {
  std::sort(kept, kept + n, std::greater<>());
}

// Elements that are looked at together; most of these have none that counts.
constexpr int64_t kBlock = kSortedPlacesRoom;

// Which rows, and what their keys are combined with by exclusive or: 0, or all bits for the least first.
struct Rows {
  const void* x;
  int64_t* places;
  int64_t size, count;
  int32_t flip;
};

template <typename Element, typename Entry>
class RowSorter {
 public:
  RowSorter(const Rows& rows, void* scratch)
      : size_(rows.size), count_(rows.count), flip_(static_cast<Key>(rows.flip)),
        room_(std::min(size_, kSortedPlacesRoom + 2 * count_)), kept_(static_cast<Entry*>(scratch)) {}

  // Keeps the elements that may be among the first. When there is no room for more, those that are not
  // fall out, and from then on only what comes before the last of the others is kept: each element is
  // moved a few times at most, whatever their order.
  void sort(const typename Element::Stored* x, int64_t* places) {
    int64_t i = 0;
    for (n_ = 0; i < (room_ < size_ ? room_ - kBlock : size_); ++i) keep(key(x[i]), i);
    Key least = select();
    while (i < size_) {
      const int64_t end = std::min(size_, i + kBlock);
      if (end == i + kBlock && !any_above(x + i, least)) {
        i = end;
        continue;
      }
      if (n_ + kBlock > room_) least = select();
      for (; i < end; ++i)
        if (key(x[i]) > least) keep(key(x[i]), i);
    }
    select();
    sort_greatest_first(kept_, count_);
    for (i = 0; i < count_; ++i) places[i] = Packing<Entry, Key>::place(kept_[i]);
  }

 private:
  using Key = typename Element::Key;

  Key key(typename Element::Stored value) const { return static_cast<Key>(Element::key(value) ^ flip_); }
  void keep(Key key, int64_t place) { kept_[n_++] = Packing<Entry, Key>::pack(key, place); }

  Key select() {
    const Entry last = select_first(kept_, n_, count_);
    n_ = count_;
    return Packing<Entry, Key>::key(last);
  }

  bool any_above(const typename Element::Stored* x, Key least) const {
    Key above = 0;
    for (int64_t k = 0; k < kBlock; ++k) above |= static_cast<Key>(key(x[k]) > least);
    return above != 0;
  }

  int64_t size_, count_;
  Key flip_;
  int64_t room_;
  Entry* kept_;
  int64_t n_ = 0;
};

template <typename Element, typename Entry>
void sort_rows(const Rows& rows, int64_t begin, int64_t end, void* scratch) {
  RowSorter<Element, Entry> sorter(rows, scratch);
  const auto* x = static_cast<const typename Element::Stored*>(rows.x);
  for (int64_t i = begin; i < end; ++i) sorter.sort(x + i * rows.size, rows.places + i * rows.count);
}

template <typename Element>
void sort_rows(const Rows& rows, int64_t begin, int64_t end, void* scratch) {
  if constexpr (sizeof(typename Element::Key) < sizeof(int64_t)) {
    if (rows.size <= INT32_MAX) return sort_rows<Element, uint64_t>(rows, begin, end, scratch);
  }
  return sort_rows<Element, Wide>(rows, begin, end, scratch);
}

} // namespace
} // namespace cnnc

void cnnc_sorted_places(int32_t dtype, int32_t largest, const void* x, int64_t* places, int64_t size,
                        int64_t count, int64_t begin, int64_t end, void* scratch) {
  using namespace cnnc;
  if (count == 0) return;
  const Rows rows{x, places, size, count, largest != 0 ? 0 : -1};
  switch (dtype) {
    case CNNC_FLOAT: return sort_rows<Float<int32_t, 0x7f800000>>(rows, begin, end, scratch);
    case CNNC_DOUBLE: return sort_rows<Float<int64_t, 0x7ff0000000000000>>(rows, begin, end, scratch);
    case CNNC_FLOAT16: return sort_rows<Float<int16_t, 0x7c00>>(rows, begin, end, scratch);
    case CNNC_BFLOAT16: return sort_rows<Float<int16_t, 0x7f80>>(rows, begin, end, scratch);
    case CNNC_INT8: return sort_rows<Integer<int8_t, int32_t>>(rows, begin, end, scratch);
    case CNNC_INT16: return sort_rows<Integer<int16_t, int32_t>>(rows, begin, end, scratch);
    case CNNC_INT32: return sort_rows<Integer<int32_t, int32_t>>(rows, begin, end, scratch);
    case CNNC_INT64: return sort_rows<Integer<int64_t, int64_t>>(rows, begin, end, scratch);
    case CNNC_UINT8: return sort_rows<Integer<uint8_t, int32_t>>(rows, begin, end, scratch);
    case CNNC_UINT16: return sort_rows<Integer<uint16_t, int32_t>>(rows, begin, end, scratch);
    case CNNC_UINT32: return sort_rows<Integer<uint32_t, int32_t>>(rows, begin, end, scratch);
    default: return sort_rows<Integer<uint64_t, int64_t>>(rows, begin, end, scratch);
  }
}
