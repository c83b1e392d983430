// Characters and words of the text form, with the place of what is wrong.
#pragma once
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "ir/dim.h"
#include "ir/error.h"
#include "ir/text.h"

namespace cnnc {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  size_t position() const { return at_; }

  [[noreturn]] void fail(const std::string& message, size_t where, Fault fault = Fault::model) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < where && i < text_.size(); ++i) {
      ++column;
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      }
    }
    throw Error(cat("line ", line, ", column ", column, ": ", message), fault);
  }
  [[noreturn]] void fail(const std::string& message) const { fail(message, at_); }

  // The next character that is no space or comment; '\0' at the end.
  char peek() {
    while (at_ < text_.size()) {
      if (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r') ++at_;
      else if (text_.substr(at_, 2) == "//") at_ = std::min(text_.find('\n', at_), text_.size());
      else return text_[at_];
    }
    return '\0';
  }
  bool at_end() { return peek() == '\0' && at_ >= text_.size(); }

  bool take(std::string_view token) {
    peek();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail(cat("expected '", token, "', found ", found()));
  }
  // A word that is not the beginning of a longer one.
  bool take_word(std::string_view word) {
    const size_t start = (peek(), at_);
    if (this->word() == word) return true;
    at_ = start;
    return false;
  }

  // Letters, digits, `_` and `.`; may be empty.
  std::string_view word() { return run_of(is_word_char); }
  // The same with what numbers contain besides.
  std::string_view number_word() {
    return run_of([](char c) { return is_word_char(c) || c == '+' || c == '-' || c == ':'; });
  }
  std::string_view digits() { return run_of(is_digit); }
  std::string identifier(const char* what) {
    if (peek() == '"') return string();
    const size_t start = at_;
    const std::string_view word = this->word();
    if (!is_identifier(word)) {
      at_ = start;
      fail(cat("expected ", what, ", found ", found()));
    }
    return std::string(word);
  }

  std::string string() {
    expect("\"");
    const size_t start = at_ - 1;
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') out += text_[at_] == '\\' ? escape() : text_[at_++];
    if (at_ >= text_.size()) fail("the string does not end", start);
    ++at_;
    return out;
  }

  // A size expression: up to a `,` or `]` outside of parentheses and quotes.
  Dim dim() {
    peek();
    const size_t start = at_;
    int parentheses = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') skip_quoted();
      if (c == '(') ++parentheses;
      if (c == ')') --parentheses;
      if (parentheses <= 0 && (c == ',' || c == ']')) break;
    }
    if (at_ - start > kMaxDimText) fail("the size expression is too long", start);
    try {
      return Dim::parse(text_.substr(start, at_ - start));
    } catch (const Error& e) {
      fail(e.message(), start, e.fault());
    }
  }

  std::string found() {
    const char c = peek();
    if (c == '\0') return "the end";
    const size_t start = at_;
    const std::string_view word = this->word();
    at_ = start;
    return quoted(word.empty() ? std::string(1, c) : std::string(word), 40);
  }

 private:
  static constexpr size_t kMaxDimText = 4096;

  static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.';
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  template <typename Belongs>
  std::string_view run_of(Belongs belongs) {
    peek();
    const size_t start = at_;
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  char escape() {
    const size_t start = at_++;
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    if (c == 'n') return '\n';
    if (c == '"' || c == '\\') return c;
    unsigned value = 0;
    if (c == 'x' && at_ + 2 <= text_.size()) {
      const char* digits = text_.data() + at_;
      if (std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
        at_ += 2;
        return static_cast<char>(value);
      }
    }
    fail("unknown escape in a string", start);
  }

  void skip_quoted() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace cnnc
