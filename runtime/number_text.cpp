#include "runtime/number_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/cnnc.h"

namespace cnnc {
namespace {

// Exponents for which a number is written without one.
constexpr int kLeastPlainExponent = -4, kEndOfPlainExponents = 16;

template <typename T>
T load(const void* element) {
  T value;
  memcpy(&value, element, sizeof value);
  return value;
}

// Digits of a decimal number d.ddd * 10^exponent.
struct Decimal {
  bool negative;
  int count;
  char digits[20];
  int exponent;
};

Decimal parse_scientific(const char* text) {
  Decimal d{};
  d.negative = *text == '-';
  if (d.negative) ++text;
  for (; *text != 'e'; ++text) {
    if (*text != '.') d.digits[d.count++] = *text;
  }
  d.exponent = atoi(text + 1);
  while (d.count > 1 && d.digits[d.count - 1] == '0') --d.count;
  return d;
}

// The fewest digits from which `same` says that the number comes back.
template <typename Same>
Decimal shortest(double value, int most_digits, Same same) {
  char text[kNumberTextBytes];
  for (int digits = 1;; ++digits) {
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    if (digits == most_digits || same(text)) return parse_scientific(text);
  }
}

// d.ddde+xx
void write_scientific(const Decimal& d, char* out) {
  *out++ = d.digits[0];
  if (d.count > 1) *out++ = '.';
  for (int i = 1; i < d.count; ++i) *out++ = d.digits[i];
  snprintf(out, 8, "e%c%02d", d.exponent < 0 ? '-' : '+', abs(d.exponent));
}

// ddd.ddd with at least one digit on each side
void write_plain(const Decimal& d, char* out) {
  const int whole = d.exponent + 1;
  for (int i = whole < 1 ? whole - 1 : 0; i < whole; ++i) *out++ = i >= 0 && i < d.count ? d.digits[i] : '0';
  *out++ = '.';
  int i = whole;
  do *out++ = i >= 0 && i < d.count ? d.digits[i] : '0';
  while (++i < d.count);
  *out = 0;
}

void write_decimal(const Decimal& d, char* out) {
  if (d.negative) *out++ = '-';
  const bool plain = d.exponent >= kLeastPlainExponent && d.exponent < kEndOfPlainExponents;
  plain ? write_plain(d, out) : write_scientific(d, out);
}

bool write_special(double value, char* out) {
  if (value != value) return strcpy(out, "nan");
  if (value - value == 0) return false;
  return strcpy(out, value < 0 ? "-inf" : "inf");
}

void write_float(float value, char* out) {
  if (write_special(static_cast<double>(value), out)) return;
  write_decimal(shortest(static_cast<double>(value), 9, [&](const char* t) { return strtof(t, nullptr) == value; }), out);
}

void write_double(double value, char* out) {
  if (write_special(value, out)) return;
  write_decimal(shortest(value, 17, [&](const char* t) { return strtod(t, nullptr) == value; }), out);
}

const char* skip_blanks(const char* text) {
  while (*text == ' ' || (*text >= '\t' && *text <= '\r')) ++text;
  return text;
}

// Whether a number was read, and nothing but blanks follows it.
bool ends(const char* text, const char* end) { return end != text && !*skip_blanks(end); }

template <typename T, typename Parse>
bool read_float(const char* text, Parse parse, void* element) {
  char* end;
  const T value = parse(text, &end);
  memcpy(element, &value, sizeof value);
  return ends(text, end);
}

// Truncated, the nearest end of the range for what does not fit, 0 for NaN.
template <typename T>
T whole_number(double value, T least, T most) {
  if (value != value) return 0;
  if (value <= static_cast<double>(least)) return least;
  return value >= static_cast<double>(most) ? most : static_cast<T>(value);
}

template <typename T, typename Parse>
bool read_integer(const char* text, T least, T most, Parse parse, void* element) {
  char* end;
  errno = 0;
  T value = static_cast<T>(parse(text, &end, 10));
  if (!ends(text, end) || errno || (least == 0 && *skip_blanks(text) == '-')) {
    value = whole_number(strtod(text, &end), least, most);
  }
  memcpy(element, &value, sizeof value);
  return ends(text, end);
}

bool read_bool(const char* text, void* element) {
  double number;
  const bool is_true = !strcasecmp(text, "true"), is_word = is_true || !strcasecmp(text, "false");
  if (!is_word && !read_float<double>(text, strtod, &number)) return false;
  const uint8_t value = is_word ? is_true : number != 0;
  memcpy(element, &value, sizeof value);
  return true;
}

} // namespace

CLocale::CLocale() : own_(newlocale(LC_ALL_MASK, "C", nullptr)), before_(uselocale(own_)) {}

CLocale::~CLocale() {
  uselocale(before_);
  if (own_) freelocale(own_);
}

void write_number(int32_t dtype, const void* element, char* out) {
  switch (dtype) {
    case CNNC_FLOAT: return write_float(load<float>(element), out);
    case CNNC_DOUBLE: return write_double(load<double>(element), out);
    case CNNC_BOOL: strcpy(out, load<uint8_t>(element) ? "True" : "False"); return;
    case CNNC_UINT64:
      snprintf(out, kNumberTextBytes, "%llu", static_cast<unsigned long long>(load<uint64_t>(element)));
      return;
    default:
      snprintf(out, kNumberTextBytes, "%lld", static_cast<long long>(load<int64_t>(element)));
  }
}

bool read_number(const char* text, int32_t dtype, void* element) {
  switch (dtype) {
    case CNNC_FLOAT: return read_float<float>(text, strtof, element);
    case CNNC_DOUBLE: return read_float<double>(text, strtod, element);
    case CNNC_BOOL: return read_bool(text, element);
    case CNNC_UINT64: return read_integer<uint64_t>(text, 0, UINT64_MAX, strtoull, element);
    default: return read_integer<int64_t>(text, INT64_MIN, INT64_MAX, strtoll, element);
  }
}

} // namespace cnnc
