// Numbers as text and back, whatever the locale of the process: what ONNX's Cast from and to strings means.
#ifndef RUNTIME_NUMBER_TEXT_H_
#define RUNTIME_NUMBER_TEXT_H_

#include <locale.h>
#include <stddef.h>
#include <stdint.h>

namespace cnnc {

// Bytes of the longest number with its zero byte.
constexpr size_t kNumberTextBytes = 32;

// Makes the running thread read and write numbers as C does, for as long as it lives.
class CLocale {
 public:
  CLocale();
  CLocale(const CLocale&) = delete;
  CLocale& operator=(const CLocale&) = delete;
  ~CLocale();

 private:
  locale_t own_, before_;
};

// Writes an f32, f64, i64, u64 or bool at `element`: the fewest digits that give the same number back, in the form of
// NumPy ("0.1", "1.0", "1e-05", "inf", "nan", "True").
void write_number(int32_t dtype, const void* element, char* out);

// Reads such a number, also with blanks around it and in any case of letters; floats become whole numbers as Cast makes
// them. False when the text is none.
bool read_number(const char* text, int32_t dtype, void* element);

} // namespace cnnc

#endif // RUNTIME_NUMBER_TEXT_H_
