#include "ir/dim.h"

#include <algorithm>
#include <cctype>
#include <ostream>

#include "ir/error.h"

namespace cnnc {

static int64_t checked_mul(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r)) throw Error(cat("size overflows: ", a, " * ", b));
  return r;
}

static int64_t checked_add(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) throw Error(cat("size overflows: ", a, " + ", b));
  return r;
}

static int64_t floor_div_int(int64_t a, int64_t b) {
  if (b == 0) throw Error("size is divided by zero");
  if (b == -1) return checked_mul(a, -1);
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static std::string key_of(const std::vector<Dim::AtomPtr>& factors) {
  std::string key;
  for (const auto& f : factors) key += (key.empty() ? "" : "*") + f->text;
  return key;
}

static bool is_identifier(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

static std::string spelled(const std::string& name) {
  static const char* kWords[] = {"floordiv", "max", "min"};
  if (is_identifier(name) && std::find(std::begin(kWords), std::end(kWords), name) == std::end(kWords)) return name;
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Dim Dim::symbol(const std::string& name) {
  auto atom = std::make_shared<Atom>(Atom{Atom::symbol, name, {}, spelled(name)});
  return from_terms({{atom->text, Term{1, {atom}}}});
}

Dim::TermMap Dim::term_map() const {
  TermMap map;
  if (is_const()) {
    if (value_ != 0) map[""] = Term{value_, {}};
  } else {
    for (const Term& t : terms()) map[key_of(t.factors)] = t;
  }
  return map;
}

Dim Dim::from_terms(TermMap map) {
  Dim result;
  auto expr = std::make_shared<Expr>();
  bool symbolic = false;
  Term constant{0, {}};
  for (auto& [key, term] : map) {
    if (term.coefficient == 0) continue;
    if (term.factors.empty()) {
      constant = term;
    } else {
      symbolic = true;
      expr->terms.push_back(term);
    }
  }
  if (!symbolic) return Dim(constant.coefficient);
  if (constant.coefficient != 0) expr->terms.push_back(constant);
  result.expr_ = std::move(expr);
  return result;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_const() && b.is_const()) return checked_add(a.value_, b.value_);
  Dim::TermMap map = a.term_map();
  for (auto& [key, term] : b.term_map()) {
    auto [it, inserted] = map.emplace(key, term);
    if (!inserted) it->second.coefficient = checked_add(it->second.coefficient, term.coefficient);
  }
  return Dim::from_terms(std::move(map));
}

Dim operator-(const Dim& a, const Dim& b) { return a + Dim(-1) * b; }

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_const() && b.is_const()) return checked_mul(a.value_, b.value_);
  // Hostile models multiply sums until nothing can hold the product.
  constexpr size_t kMaxTerms = 1024;
  Dim::TermMap map;
  for (auto& [ka, ta] : a.term_map()) {
    if (map.size() > kMaxTerms) throw Error(cat("a size expression has more than ", kMaxTerms, " terms"), Fault::limit);
    for (auto& [kb, tb] : b.term_map()) {
      Dim::Term product{checked_mul(ta.coefficient, tb.coefficient), ta.factors};
      product.factors.insert(product.factors.end(), tb.factors.begin(), tb.factors.end());
      std::sort(product.factors.begin(), product.factors.end(),
                [](const auto& x, const auto& y) { return x->text < y->text; });
      auto [it, inserted] = map.emplace(key_of(product.factors), product);
      if (!inserted) it->second.coefficient = checked_add(it->second.coefficient, product.coefficient);
    }
  }
  return Dim::from_terms(std::move(map));
}

Dim Dim::call(Atom::Kind kind, const Dim& a, const Dim& b) {
  static const char* kNames[] = {"", "floordiv", "max", "min"};
  auto atom = std::make_shared<Atom>(Atom{kind, "", {a, b}, ""});
  atom->text = cat(kNames[kind], "(", a.str(), ", ", b.str(), ")");
  return from_terms({{atom->text, Term{1, {atom}}}});
}

Dim Dim::floor_div(const Dim& a, const Dim& b) {
  if (a.is_const() && b.is_const()) return floor_div_int(a.value_, b.value_);
  if (b == 1) return a;
  if (a == b || a == 0) return a == 0 ? 0 : 1;
  if (!b.is_const()) {
    // (x * b) / b where every term of a holds b's single product as a factor.
    if (b.terms().size() == 1) {
      const Term& divisor = b.terms()[0];
      TermMap quotient;
      bool divides = true;
      for (auto& [key, term] : a.term_map()) {
        Term left = term;
        for (const AtomPtr& f : divisor.factors) {
          auto it = std::find_if(left.factors.begin(), left.factors.end(),
                                 [&](const AtomPtr& x) { return x->text == f->text; });
          if (it == left.factors.end()) {
            divides = false;
            break;
          }
          left.factors.erase(it);
        }
        if (!divides || left.coefficient % divisor.coefficient != 0) {
          divides = false;
          break;
        }
        left.coefficient /= divisor.coefficient;
        quotient[key_of(left.factors)] = left;
      }
      if (divides) return from_terms(std::move(quotient));
    }
    return call(Atom::floor_div, a, b);
  }
  if (b == 0) throw Error("size is divided by zero");
  // Terms that b divides leave the call: floordiv(4 n + r, 4) = n + floordiv(r, 4).
  TermMap whole, rest;
  for (auto& [key, term] : a.term_map()) {
    if (term.coefficient % b.value_ == 0) {
      whole[key] = Term{term.coefficient / b.value_, term.factors};
    } else if (term.factors.empty()) {
      const int64_t q = floor_div_int(term.coefficient, b.value_);
      whole[key] = Term{q, {}};
      rest[key] = Term{term.coefficient - q * b.value_, {}};
    } else {
      rest[key] = term;
    }
  }
  Dim outside = from_terms(std::move(whole)), inside = from_terms(std::move(rest));
  if (inside.is_const()) return outside + floor_div_int(inside.value_, b.value_);
  return outside + call(Atom::floor_div, inside, b);
}

Dim Dim::ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - 1, b); }
Dim Dim::mod(const Dim& a, const Dim& b) { return a - b * floor_div(a, b); }

// Whether `b` is the call `kind` with `a` among its arguments: max(a, min(a, x)) and min(a, max(a, x)) are a.
static bool absorbs(const Dim& a, const Dim& b, Dim::Atom::Kind kind) {
  if (b.is_const() || b.terms().size() != 1) return false;
  const Dim::Term& t = b.terms()[0];
  if (t.coefficient != 1 || t.factors.size() != 1 || t.factors[0]->kind != kind) return false;
  return t.factors[0]->args[0] == a || t.factors[0]->args[1] == a;
}

Dim Dim::max(const Dim& a, const Dim& b) {
  if (absorbs(a, b, Atom::min)) return a;
  if (absorbs(b, a, Atom::min)) return b;
  const Dim difference = a - b;
  if (auto low = difference.lower_bound(); low && *low >= 0) return a;
  if (auto high = difference.upper_bound(); high && *high <= 0) return b;
  return call(Atom::max, a, b);
}

Dim Dim::min(const Dim& a, const Dim& b) {
  if (absorbs(a, b, Atom::max)) return a;
  if (absorbs(b, a, Atom::max)) return b;
  const Dim difference = a - b;
  if (auto low = difference.lower_bound(); low && *low >= 0) return b;
  if (auto high = difference.upper_bound(); high && *high <= 0) return a;
  return call(Atom::min, a, b);
}

bool operator==(const Dim& a, const Dim& b) {
  if (a.is_const() || b.is_const()) return a.is_const() && b.is_const() && a.value_ == b.value_;
  if (a.expr_ == b.expr_) return true;
  const auto &x = a.terms(), &y = b.terms();
  return x.size() == y.size() && std::equal(x.begin(), x.end(), y.begin(), [](const auto& s, const auto& t) {
           return s.coefficient == t.coefficient && key_of(s.factors) == key_of(t.factors);
         });
}

namespace {
// An interval whose ends may be unknown (infinite).
struct Range {
  std::optional<int64_t> low, high;
};

Range atom_range(const Dim::Atom& atom) {
  if (atom.kind == Dim::Atom::symbol) return {0, std::nullopt};
  const Dim &a = atom.args[0], &b = atom.args[1];
  const auto al = a.lower_bound(), ah = a.upper_bound(), bl = b.lower_bound(), bh = b.upper_bound();
  if (atom.kind == Dim::Atom::floor_div) {
    if (b.is_const() && b.value() > 0) {
      Range r;
      if (al) r.low = Dim::floor_div(*al, b).value();
      if (ah) r.high = Dim::floor_div(*ah, b).value();
      return r;
    }
    if (al && *al >= 0 && bl && *bl >= 0) return {0, ah};
    return {};
  }
  Range r;
  if (atom.kind == Dim::Atom::max) {
    if (al || bl) r.low = std::max(al.value_or(INT64_MIN), bl.value_or(INT64_MIN));
    if (ah && bh) r.high = std::max(*ah, *bh);
  } else {
    if (al && bl) r.low = std::min(*al, *bl);
    if (ah || bh) r.high = std::min(ah.value_or(INT64_MAX), bh.value_or(INT64_MAX));
  }
  return r;
}

// The range of a product is known here only for non-negative factors, which sizes are.
Range term_range(const Dim::Term& term) {
  if (term.factors.empty()) return {term.coefficient, term.coefficient};
  Range product{1, 1};
  for (const auto& f : term.factors) {
    const Range r = atom_range(*f);
    if (term.factors.size() > 1 && (!r.low || *r.low < 0)) return {};
    auto multiply = [](std::optional<int64_t> x, std::optional<int64_t> y) -> std::optional<int64_t> {
      int64_t p;
      if (!x || !y || __builtin_mul_overflow(*x, *y, &p)) return std::nullopt;
      return p;
    };
    product = {multiply(product.low, r.low), multiply(product.high, r.high)};
  }
  auto scale = [&](std::optional<int64_t> x) -> std::optional<int64_t> {
    int64_t p;
    if (!x || __builtin_mul_overflow(*x, term.coefficient, &p)) return std::nullopt;
    return p;
  };
  if (term.coefficient < 0) return {scale(product.high), scale(product.low)};
  return {scale(product.low), scale(product.high)};
}

Range dim_range(const Dim& dim) {
  if (dim.is_const()) return {dim.value(), dim.value()};
  Range sum{0, 0};
  auto add = [](std::optional<int64_t> x, std::optional<int64_t> y) -> std::optional<int64_t> {
    int64_t s;
    if (!x || !y || __builtin_add_overflow(*x, *y, &s)) return std::nullopt;
    return s;
  };
  for (const auto& term : dim.terms()) {
    const Range r = term_range(term);
    sum = {add(sum.low, r.low), add(sum.high, r.high)};
  }
  return sum;
}
}  // namespace

std::optional<int64_t> Dim::lower_bound() const { return dim_range(*this).low; }
std::optional<int64_t> Dim::upper_bound() const { return dim_range(*this).high; }

std::optional<std::string> Dim::as_symbol() const {
  if (is_const() || terms().size() != 1) return std::nullopt;
  const Term& t = terms()[0];
  if (t.coefficient != 1 || t.factors.size() != 1 || t.factors[0]->kind != Atom::symbol) return std::nullopt;
  return t.factors[0]->name;
}

std::set<std::string> Dim::symbols() const {
  std::set<std::string> names;
  if (is_const()) return names;
  for (const Term& t : terms()) {
    for (const AtomPtr& f : t.factors) {
      if (f->kind == Atom::symbol) names.insert(f->name);
      for (const Dim& arg : f->args) names.merge(arg.symbols());
    }
  }
  return names;
}

Dim Dim::substitute(const std::map<std::string, Dim>& bindings) const {
  Fold<Dim> f;
  f.constant = [](int64_t v) { return Dim(v); };
  f.symbol = [&](const std::string& name) {
    auto it = bindings.find(name);
    return it == bindings.end() ? symbol(name) : it->second;
  };
  f.add = [](const Dim& a, const Dim& b) { return a + b; };
  f.mul = [](const Dim& a, const Dim& b) { return a * b; };
  f.floor_div = [](const Dim& a, const Dim& b) { return floor_div(a, b); };
  f.max = [](const Dim& a, const Dim& b) { return max(a, b); };
  f.min = [](const Dim& a, const Dim& b) { return min(a, b); };
  return fold(f);
}

int64_t Dim::evaluate(const std::map<std::string, int64_t>& values) const {
  std::map<std::string, Dim> bindings;
  for (const auto& [name, value] : values) bindings.emplace(name, Dim(value));
  const Dim result = substitute(bindings);
  if (!result.is_const()) throw Error(cat("size ", result.str(), " is not known: give a value for its symbols"));
  return result.value();
}

std::string Dim::str() const {
  if (is_const()) return std::to_string(value_);
  std::string out;
  for (const Term& t : terms()) {
    int64_t c = t.coefficient;
    if (!out.empty()) {
      out += c < 0 ? " - " : " + ";
      if (c < 0) c = -c;
    }
    if (t.factors.empty()) {
      out += std::to_string(c);
    } else if (c == 1) {
      out += key_of(t.factors);
    } else {
      out += key_of(t.factors) + "*" + std::to_string(c);
    }
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Dim& dim) { return out << dim.str(); }

namespace {
// sum := product (('+'|'-') product)* ; product := atom ('*' atom)* ; atom := number | name | call | '(' sum ')'
class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}
  Dim parse() {
    Dim result = sum();
    if (peek() != '\0') fail();
    return result;
  }

 private:
  [[noreturn]] void fail() { throw Error(cat("bad size expression ", quoted(std::string(text_)), " at column ", at_ + 1)); }
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  Dim sum() {
    if (++depth_ > 200) fail();
    Dim result = product();
    while (true) {
      if (take('+')) result = result + product();
      else if (take('-')) result = result - product();
      else break;
    }
    --depth_;
    return result;
  }
  Dim product() {
    Dim result = atom();
    while (take('*')) result = result * atom();
    return result;
  }
  Dim atom() {
    const char c = peek();
    if (take('(')) {
      Dim inner = sum();
      if (!take(')')) fail();
      return inner;
    }
    if (c == '-' || std::isdigit(static_cast<unsigned char>(c))) return number();
    if (c == '"') return Dim::symbol(quoted_name());
    const std::string word = identifier();
    if (word != "floordiv" && word != "max" && word != "min") return Dim::symbol(word);
    if (!take('(')) fail();
    Dim a = sum();
    if (!take(',')) fail();
    Dim b = sum();
    if (!take(')')) fail();
    return word == "floordiv" ? Dim::floor_div(a, b) : word == "max" ? Dim::max(a, b) : Dim::min(a, b);
  }
  Dim number() {
    const bool negative = take('-');
    int64_t value = 0;
    if (!std::isdigit(static_cast<unsigned char>(peek()))) fail();
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])))
      value = checked_add(checked_mul(value, 10), text_[at_++] - '0');
    return negative ? -value : value;
  }
  std::string quoted_name() {
    std::string name;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      name += text_[at_];
    }
    if (!take('"')) fail();
    return name;
  }
  std::string identifier() {
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    if (at_ == start) fail();
    return std::string(text_.substr(start, at_ - start));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};
}  // namespace

Dim Dim::parse(std::string_view text) { return DimParser(text).parse(); }

std::optional<Dim> broadcast(const Dim& a, const Dim& b) {
  if (a == b || b == 1) return a;
  if (a == 1) return b;
  if (a.is_const() && b.is_const()) return std::nullopt;
  if (a.is_const()) return a;  // b is 1 or equal to a; the generated load decides
  if (b.is_const()) return b;
  return Dim::max(a, b);
}

}  // namespace cnnc
