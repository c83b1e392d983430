#include "runtime/npy_text.h"

#include <string.h>

namespace cnnc {
namespace {

constexpr size_t kMostBytesOfUtf8 = 4;

uint32_t character_at(const uint8_t* source) {
  uint32_t c;
  memcpy(&c, source, sizeof c);
  return c;
}

// Appends a character as UTF-8; false for what is no character.
bool put_utf8(uint32_t c, char** at) {
  if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
  const int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr uint8_t kFirst[] = {0, 0xc0, 0xe0, 0xf0};
  *(*at)++ = static_cast<char>(kFirst[more] | c >> 6 * more);
  for (int i = more - 1; i >= 0; --i) *(*at)++ = static_cast<char>(0x80 | (c >> 6 * i & 63));
  return true;
}

// The next character of UTF-8; a byte that is none stands for itself.
uint32_t take_utf8(const char** at) {
  const auto first = static_cast<uint8_t>(*(*at)++);
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  uint32_t c = more ? first & (0x3fu >> more) : first;
  for (int i = 0; i < more && (**at & 0xc0) == 0x80; ++i) c = c << 6 | (*(*at)++ & 63u);
  return c;
}

size_t characters_of(const char* text) {
  size_t count = 0;
  while (*text) {
    take_utf8(&text);
    ++count;
  }
  return count;
}

} // namespace

bool parse_text_code(const char* code, size_t* characters) {
  if (*code++ != 'U' || !*code) return false;
  *characters = 0;
  for (; *code; ++code) {
    if (*code < '0' || *code > '9' || *characters > (size_t{1} << 24)) return false;
    *characters = *characters * 10 + static_cast<size_t>(*code - '0');
  }
  return true;
}

bool read_texts(const uint8_t* source, size_t characters, Array<const char*>& texts, HostTensor* out,
                ErrorText* error) {
  if (!out->allocate_texts(texts.size() * (kMostBytesOfUtf8 * characters + 1), error)) return false;
  char* at = out->texts;
  for (const char*& text : texts) {
    text = at;
    size_t length = characters;
    while (length > 0 && character_at(source + (length - 1) * kBytesOfCharacter) == 0) --length;
    for (size_t i = 0; i < length; ++i) {
      const uint32_t c = character_at(source + i * kBytesOfCharacter);
      if (c == 0 || !put_utf8(c, &at)) {
        return error->set("an element of the .npy file holds the character %u, which is none", c);
      }
    }
    *at++ = 0;
    source += characters * kBytesOfCharacter;
  }
  return true;
}

size_t longest_text(const HostTensor& tensor) {
  size_t longest = 1;
  for (size_t i = 0; i < tensor.bytes / sizeof(const char*); ++i) {
    const size_t length = characters_of(tensor.strings()[i]);
    if (length > longest) longest = length;
  }
  return longest;
}

bool write_texts(FileWriter* file, const HostTensor& tensor, size_t characters, ErrorText* error) {
  for (size_t i = 0; i < tensor.bytes / sizeof(const char*); ++i) {
    const char* text = tensor.strings()[i];
    for (size_t k = 0; k < characters; ++k) {
      const uint32_t c = *text ? take_utf8(&text) : 0;
      if (!file->write(&c, sizeof c, error)) return false;
    }
  }
  return true;
}

} // namespace cnnc
