#include "runtime/sorted_places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "runtime/cnnc.h"

namespace cnnc {
namespace {

template <typename T>
std::vector<int64_t> places_of(int32_t dtype, const std::vector<T>& x, int64_t size, int64_t count, bool largest) {
  const int64_t rows = static_cast<int64_t>(x.size()) / size, entries = std::min(size, kSortedPlacesRoom + 2 * count);
  std::vector<int64_t> places(static_cast<size_t>(rows * count + 1), -7);
  std::vector<std::max_align_t> memory(static_cast<size_t>(entries + 2) * kSortedPlaceBytes / sizeof(std::max_align_t) + 1);
  auto* scratch = reinterpret_cast<char*>(memory.data());
  char* behind = scratch + entries * kSortedPlaceBytes;
  std::memset(behind, 0x5a, kSortedPlaceBytes);
  cnnc_sorted_places(dtype, largest, x.data(), places.data(), size, count, 0, rows, scratch);
  EXPECT_EQ(places.back(), -7) << "written behind the result";
  EXPECT_EQ(std::string(behind, kSortedPlaceBytes), std::string(kSortedPlaceBytes, 0x5a)) << "behind the working memory";
  places.pop_back();
  return places;
}

// By the words of the declaration, on numbers that stand for the elements.
std::vector<int64_t> expected_places(const std::vector<long double>& x, int64_t size, int64_t count, bool largest) {
  std::vector<int64_t> places;
  for (size_t row = 0; row < x.size(); row += static_cast<size_t>(size)) {
    std::vector<int64_t> order(static_cast<size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      const long double a = x[row + static_cast<size_t>(largest ? j : i)], b = x[row + static_cast<size_t>(largest ? i : j)];
      return std::isnan(b) ? !std::isnan(a) : a < b;
    });
    places.insert(places.end(), order.begin(), order.begin() + count);
  }
  return places;
}

template <typename T>
void expect_sorted(int32_t dtype, const std::vector<T>& x, const std::vector<long double>& values, int64_t size) {
  for (const bool largest : {true, false}) {
    for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{7}, size / 3, size / 2, size - 1, size}) {
      if (count > size) continue;
      EXPECT_EQ(places_of(dtype, x, size, count, largest), expected_places(values, size, count, largest))
          << "type " << dtype << ", " << count << " of " << size << (largest ? " greatest" : " least");
    }
  }
}

const std::vector<int64_t> kSizes = {1, 2, 31, 32, 33, 64, 65, 200, 1000};

template <typename T>
void expect_integers_sorted(int32_t dtype) {
  std::mt19937_64 random(7);
  for (const int64_t size : kSizes) {
    for (const int kinds : {3, 1000}) {  // many equal ones; and the ends of the type
      std::vector<T> x(static_cast<size_t>(3 * size));
      for (T& v : x) v = static_cast<T>(random() % static_cast<uint64_t>(kinds) - 1);
      if (kinds > 3)
        for (T& v : x)
          if (random() % 4 == 0) v = random() % 2 ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
      expect_sorted(dtype, x, {x.begin(), x.end()}, size);
    }
  }
}

TEST(SortedPlaces, OfIntegers) {
  expect_integers_sorted<int8_t>(CNNC_INT8);
  expect_integers_sorted<int16_t>(CNNC_INT16);
  expect_integers_sorted<int32_t>(CNNC_INT32);
  expect_integers_sorted<int64_t>(CNNC_INT64);
  expect_integers_sorted<uint8_t>(CNNC_UINT8);
  expect_integers_sorted<uint16_t>(CNNC_UINT16);
  expect_integers_sorted<uint32_t>(CNNC_UINT32);
  expect_integers_sorted<uint64_t>(CNNC_UINT64);
}

// Floats by their bits: with zeros of both signs, infinities, NaNs of both signs, the least and greatest numbers.
template <typename Bits>
void expect_floats_sorted(int32_t dtype, int exponent_bits, long double (*value)(Bits)) {
  constexpr int kBits = 8 * sizeof(Bits);
  const int mantissa = kBits - 1 - exponent_bits;
  const auto infinity = static_cast<Bits>(((Bits{1} << exponent_bits) - 1) << mantissa);
  const auto sign = static_cast<Bits>(Bits{1} << (kBits - 1));
  const std::vector<Bits> special = {0, 1, infinity, static_cast<Bits>(infinity - 1), static_cast<Bits>(infinity + 1),
                                     static_cast<Bits>(infinity | infinity >> 1)};
  std::mt19937_64 random(7);
  for (const int64_t size : kSizes) {
    for (const int every : {2, 50}) {
      std::vector<Bits> x(static_cast<size_t>(3 * size));
      for (Bits& v : x) {
        v = random() % static_cast<uint64_t>(every) == 0 ? special[random() % special.size()] : static_cast<Bits>(random());
        if (random() % 2) v = static_cast<Bits>(v ^ sign);
      }
      std::vector<long double> values;
      for (Bits v : x) values.push_back(value(v));
      expect_sorted(dtype, x, values, size);
    }
  }
}

template <typename Bits, typename T>
long double number(Bits bits) {
  T value;
  static_assert(sizeof value == sizeof bits);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

long double f16_number(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const long double magnitude = exponent == 31  ? mantissa ? std::nanl("") : HUGE_VALL
                                : exponent == 0 ? std::ldexp(static_cast<long double>(mantissa), -24)
                                                : std::ldexp(1024.0L + mantissa, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

long double bf16_number(uint16_t bits) { return number<uint32_t, float>(static_cast<uint32_t>(bits) << 16); }

TEST(SortedPlaces, OfFloats) {
  expect_floats_sorted<uint32_t>(CNNC_FLOAT, 8, number<uint32_t, float>);
  expect_floats_sorted<uint64_t>(CNNC_DOUBLE, 11, number<uint64_t, double>);
  expect_floats_sorted<uint16_t>(CNNC_FLOAT16, 5, f16_number);
  expect_floats_sorted<uint16_t>(CNNC_BFLOAT16, 8, bf16_number);
}

TEST(SortedPlaces, OfRowsInAnyOrder) {
  constexpr int64_t kSize = 5000;
  std::vector<float> ascending(kSize), descending(kSize), equal(kSize, 1.0F), zigzag(kSize);
  for (int64_t i = 0; i < kSize; ++i) {
    ascending[static_cast<size_t>(i)] = static_cast<float>(i);
    descending[static_cast<size_t>(i)] = static_cast<float>(-i);
    zigzag[static_cast<size_t>(i)] = static_cast<float>(i % 2 ? i : -i);
  }
  for (const auto& x : {ascending, descending, equal, zigzag})
    expect_sorted(CNNC_FLOAT, x, {x.begin(), x.end()}, kSize);
}

TEST(SortedPlaces, OfSomeRowsOnly) {
  const std::vector<float> x = {1, 2, 3, 9, 8, 7, 4, 6, 5};
  std::vector<int64_t> places(3, -1);
  std::vector<std::max_align_t> scratch(8);
  cnnc_sorted_places(CNNC_FLOAT, 1, x.data(), places.data(), 3, 1, 1, 3, scratch.data());
  EXPECT_EQ(places, (std::vector<int64_t>{-1, 0, 1}));
}

}  // namespace
}  // namespace cnnc
