// The size of one axis: a number, a symbol such as `batch`, or an expression over symbols.
//
// A Dim is kept in a normal form, a sum of integer multiples of products of atoms, where an atom is a symbol or an
// opaque call (floordiv, max, min). Equal sums are equal Dims, which decides almost every question that shapes of real
// models ask. A symbol stands for an unknown size >= 0.
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

class Dim {
 public:
  Dim(int64_t value = 0) : value_(value) {}  // NOLINT: a number is a size
  static Dim symbol(const std::string& name);

  bool is_const() const { return expr_ == nullptr; }
  // The number; only when is_const().
  int64_t value() const { return value_; }
  // The symbol's name, when this is just one symbol.
  std::optional<std::string> as_symbol() const;
  // Names of all symbols in it.
  std::set<std::string> symbols() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // Rounds towards minus infinity; b must not be zero.
  static Dim floor_div(const Dim& a, const Dim& b);
  static Dim ceil_div(const Dim& a, const Dim& b);
  static Dim mod(const Dim& a, const Dim& b);  // a - b floor_div(a, b)
  static Dim max(const Dim& a, const Dim& b);
  static Dim min(const Dim& a, const Dim& b);

  // Equal for every value of the symbols, as far as the normal form can tell.
  friend bool operator==(const Dim& a, const Dim& b);
  bool operator==(int64_t v) const { return is_const() && value_ == v; }
  // Bounds that hold whatever the symbols are, when known.
  std::optional<int64_t> lower_bound() const;
  std::optional<int64_t> upper_bound() const;

  // Replaces symbols by sizes; symbols without an entry stay.
  Dim substitute(const std::map<std::string, Dim>& bindings) const;
  // The number for given values of all symbols; throws Error when one is missing.
  int64_t evaluate(const std::map<std::string, int64_t>& symbols) const;

  // A fold over the expression for code that compiles or prints it: the callbacks build a T from parts.
  template <typename T>
  struct Fold {
    std::function<T(int64_t)> constant;
    std::function<T(const std::string&)> symbol;
    std::function<T(T, T)> add, mul, floor_div, max, min;
  };
  template <typename T>
  T fold(const Fold<T>& f) const;

  // "batch*3 + 1"; symbols that are no identifiers are quoted. parse() reads it back.
  std::string str() const;
  // Throws Error on bad syntax.
  static Dim parse(std::string_view text);

  // Implementation detail, public for fold().
  struct Atom;
  using AtomPtr = std::shared_ptr<const Atom>;
  struct Term {
    int64_t coefficient;
    std::vector<AtomPtr> factors;  // sorted by text
  };
  struct Atom {
    enum Kind { symbol, floor_div, max, min } kind;
    std::string name;        // of a symbol
    std::vector<Dim> args;   // of a call
    std::string text;        // canonical spelling, the sort key
  };
  const std::vector<Term>& terms() const { return expr_->terms; }

 private:
  struct Expr {
    std::vector<Term> terms;  // sorted by text; at least one has factors
  };
  using TermMap = std::map<std::string, Term>;
  static Dim from_terms(TermMap terms);
  static Dim call(Atom::Kind kind, const Dim& a, const Dim& b);
  TermMap term_map() const;

  int64_t value_ = 0;
  std::shared_ptr<const Expr> expr_;
};

// One of the two sizes that numpy-style broadcasting makes of a pair; nullopt when they can never match.
std::optional<Dim> broadcast(const Dim& a, const Dim& b);

std::ostream& operator<<(std::ostream& out, const Dim& dim);

template <typename T>
T Dim::fold(const Fold<T>& f) const {
  if (is_const()) return f.constant(value_);
  std::optional<T> sum;
  for (const Term& term : terms()) {
    std::optional<T> product;
    if (term.coefficient != 1 || term.factors.empty()) product = f.constant(term.coefficient);
    for (const AtomPtr& atom : term.factors) {
      T value = atom->kind == Atom::symbol      ? f.symbol(atom->name)
                : atom->kind == Atom::floor_div ? f.floor_div(atom->args[0].fold(f), atom->args[1].fold(f))
                : atom->kind == Atom::max       ? f.max(atom->args[0].fold(f), atom->args[1].fold(f))
                                                : f.min(atom->args[0].fold(f), atom->args[1].fold(f));
      product = product ? f.mul(*product, value) : value;
    }
    sum = sum ? f.add(*sum, *product) : *product;
  }
  return *sum;
}

}  // namespace cnnc
