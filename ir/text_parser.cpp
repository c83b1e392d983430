// Reads graphs that ir/text.cpp wrote. The text may come from anywhere: every step checks what it reads.
#include <algorithm>
#include <bit>
#include <charconv>
#include <unordered_map>

#include "ir/error.h"
#include "ir/graph.h"
#include "ir/op_def.h"
#include "ir/text.h"
#include "ir/text_lexer.h"

namespace cnnc {
namespace {

constexpr int kMaxRegionDepth = 64;
constexpr size_t kMaxRank = 64;
constexpr int64_t kMaxElements = int64_t{1} << 48;

// ---- literals --------------------------------------------------------------------------------------------------------

template <typename T>
std::optional<T> whole_number(std::string_view word) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// "nan:7fc00001": the bits of a NaN.
std::optional<uint64_t> nan_bits(std::string_view word, uint64_t plain) {
  if (word == "nan") return plain;
  uint64_t bits = 0;
  if (word.substr(0, 4) != "nan:") return std::nullopt;
  word.remove_prefix(4);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits, 16);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return bits;
}

bool is_float_word(std::string_view word) {
  return word.find('.') != std::string_view::npos || word.find('e') != std::string_view::npos ||
         word.find('n') != std::string_view::npos;  // inf, nan
}

class LiteralParser {
 public:
  explicit LiteralParser(Lexer& lexer) : lex_(lexer) {}

  Type type() {
    const size_t start = (lex_.peek(), lex_.position());
    const std::string word(lex_.word());
    const auto dtype = dtype_named(word);
    if (!dtype) lex_.fail(cat("there is no element type ", quoted(word)), start);
    return type_of(*dtype);
  }
  // The rest of a type, after its element type.
  Type type_of(DType dtype) { return {dtype, dims()}; }
  Dims dims() {
    Dims dims;
    lex_.expect("[");
    if (lex_.take("]")) return dims;
    do {
      if (dims.size() == 16 * kMaxRank) lex_.fail("too many sizes");
      dims.push_back(lex_.dim());
    } while (lex_.take(","));
    lex_.expect("]");
    return dims;
  }

  // Any attribute but a region.
  Attribute attribute() {
    const char c = lex_.peek();
    if (c == '"') return lex_.string();
    if (c == '[') return list();
    const size_t start = lex_.position();
    const std::string word(lex_.number_word());
    if (word == "ints" || word == "floats" || word == "strings") return empty_list(word);
    if (const auto dtype = dtype_named(word)) {
      if (lex_.peek() != '[') return *dtype;
      return tensor(*dtype, start);
    }
    return number(word, start);
  }

 private:
  Attribute number(const std::string& word, size_t start) {
    if (const auto integer = whole_number<int64_t>(word)) return *integer;
    return real(word, start);
  }

  double real(const std::string& word, size_t start) {
    if (const auto bits = nan_bits(word, plain_nan(DType::f64))) return std::bit_cast<double>(*bits);
    const auto value = is_float_word(word) ? whole_number<double>(word) : std::nullopt;
    if (!value) lex_.fail(cat("expected a value, found ", quoted(word, 40)), start);
    return *value;
  }

  Attribute empty_list(const std::string& kind) {
    lex_.expect("[");
    lex_.expect("]");
    if (kind == "ints") return Ints{};
    if (kind == "floats") return Floats{};
    return Strings{};
  }

  Attribute list() {
    const size_t start = lex_.position();
    lex_.expect("[");
    if (lex_.peek() == '"') return rest_of_list<Strings>([&] { return lex_.string(); });
    const size_t first = lex_.position();
    const Attribute value = number(std::string(lex_.number_word()), first);
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      Ints ints{*integer};
      while (lex_.take(",")) ints.push_back(element<int64_t>(start));
      lex_.expect("]");
      return ints;
    }
    Floats floats{std::get<double>(value)};
    while (lex_.take(",")) floats.push_back(element<double>(start));
    lex_.expect("]");
    return floats;
  }

  template <typename T>
  T element(size_t list) {
    const size_t start = (lex_.peek(), lex_.position());
    const Attribute value = number(std::string(lex_.number_word()), start);
    const T* element = std::get_if<T>(&value);
    if (element == nullptr) lex_.fail("a list holds either integers or floats", list);
    return *element;
  }

  template <typename List, typename Fn>
  Attribute rest_of_list(Fn fn) {
    List list;
    do list.push_back(fn());
    while (lex_.take(","));
    lex_.expect("]");
    return list;
  }

  Attribute tensor(DType dtype, size_t start) {
    const Shape shape = tensor_shape(type_of(dtype), start);
    if (lex_.take("@")) return Tensor::elided(dtype, shape, hash());
    if (dtype == DType::string) return strings(shape, start);
    if (is_complex(dtype)) return complex_numbers(dtype, shape, start);
    return numbers(dtype, shape, start);
  }

  // A real and an imaginary part for each element.
  Tensor complex_numbers(DType dtype, const Shape& shape, size_t start) {
    const DType part = dtype == DType::c64 ? DType::f32 : DType::f64;
    return numbers(part, {2 * element_count(shape)}, start).viewed_as(dtype, shape);
  }

  Tensor strings(const Shape& shape, size_t start) {
    Strings texts;
    lex_.expect("{");
    if (lex_.peek() != '}') {
      do {
        texts.push_back(lex_.string());
        if (texts.back().find('\0') != std::string::npos) lex_.fail("a string holds a zero byte");
      } while (lex_.take(","));
    }
    lex_.expect("}");
    check_count(texts.size(), element_count(shape), start);
    return Tensor::strings(shape, texts);
  }

  void check_count(size_t found, int64_t size, size_t start) {
    if (static_cast<int64_t>(found) != size)
      lex_.fail(cat("the tensor has ", found, " elements, its shape needs ", size), start);
  }

  Tensor numbers(DType dtype, const Shape& shape, size_t start) {
    const int64_t size = element_count(shape);
    std::vector<std::pair<std::string, size_t>> words;
    lex_.expect("{");
    if (lex_.peek() != '}') {
      do {
        lex_.peek();
        const size_t at = lex_.position();
        words.emplace_back(lex_.number_word(), at);
      } while (lex_.take(","));
    }
    lex_.expect("}");
    check_count(words.size(), size, start);
    Tensor tensor(dtype, shape);
    for (int64_t i = 0; i < size; ++i) set_element(tensor, i, words[static_cast<size_t>(i)]);
    return tensor;
  }

  Shape tensor_shape(const Type& type, size_t start) {
    int64_t count = 1;
    for (const Dim& d : type.dims) {
      if (!d.is_const() || d.value() < 0) lex_.fail("the sizes of a tensor are numbers, 0 or more", start);
      if (__builtin_mul_overflow(count, d.value(), &count) || count > kMaxElements)
        lex_.fail("the tensor has too many elements", start, Fault::limit);
    }
    if (type.dims.size() > kMaxRank) lex_.fail(cat("the tensor has more than ", kMaxRank, " axes"), start);
    return type.shape();
  }

  uint64_t hash() {
    const size_t start = (lex_.peek(), lex_.position());
    const std::string_view word = lex_.word();
    uint64_t hash = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), hash, 16);
    if (word.size() != 16 || error != std::errc() || end != word.data() + word.size())
      lex_.fail("expected a hash of 16 hexadecimal digits", start);
    return hash;
  }

  void set_element(Tensor& tensor, int64_t i, const std::pair<std::string, size_t>& element) {
    const auto& [word, at] = element;
    const bool ok = is_float(tensor.dtype()) ? set_float(tensor, i, word) : set_integer(tensor, i, word);
    if (!ok) lex_.fail(cat(quoted(word, 40), " is no element of a tensor of ", name_of(tensor.dtype())), at);
  }

  static bool set_float(Tensor& t, int64_t i, const std::string& word) {
    if (const auto bits = nan_bits(word, plain_nan(t.dtype()))) {
      const size_t size = size_of(t.dtype());
      if (size == 8) t.mutable_data<uint64_t>()[i] = *bits;
      if (size == 4) t.mutable_data<uint32_t>()[i] = static_cast<uint32_t>(*bits);
      if (size == 2) t.mutable_data<uint16_t>()[i] = static_cast<uint16_t>(*bits);
      if (size == 1) t.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(*bits);
      return t.dtype() != DType::f4e2m1;  // has no NaN
    }
    if (t.dtype() == DType::f32) {
      const auto value = whole_number<float>(word);
      if (value) t.mutable_data<float>()[i] = *value;
      return value.has_value();
    }
    // Narrow floats are printed with the digits of an f32.
    const auto value = is_narrow_float(t.dtype()) ? std::optional<double>(whole_number<float>(word))
                                                  : whole_number<double>(word);
    if (value) t.set_double(i, *value);
    return value.has_value();
  }

  static bool set_integer(Tensor& t, int64_t i, const std::string& word) {
    if (t.dtype() == DType::boolean) {
      if (word != "true" && word != "false") return false;
      t.set_int(i, word == "true");
      return true;
    }
    const auto large = t.dtype() == DType::u64 ? whole_number<uint64_t>(word) : std::nullopt;
    const auto value = large ? static_cast<int64_t>(*large) : whole_number<int64_t>(word);
    if (!value || (t.dtype() == DType::u64 && !large)) return false;
    t.set_int(i, *value);
    return t.as_int(i) == *value;  // does it fit?
  }

  Lexer& lex_;
};

// ---- graphs ----------------------------------------------------------------------------------------------------------

class GraphParser {
 public:
  explicit GraphParser(std::string_view text) : lex_(text), literals_(lex_) {}

  std::unique_ptr<Graph> parse() {
    auto graph = this->graph();
    if (!lex_.at_end()) lex_.fail(cat("expected the end, found ", lex_.found()));
    return graph;
  }

 private:
  std::unique_ptr<Graph> graph() {
    if (++depth_ > kMaxRegionDepth) lex_.fail("regions are nested too deeply");
    if (!lex_.take_word("graph")) lex_.fail(cat("expected 'graph', found ", lex_.found()));
    lex_.expect("@");
    auto graph = std::make_unique<Graph>(lex_.identifier("the graph's name"));
    Strings defined;  // names that end with this graph
    inputs(*graph, defined);
    lex_.expect("->");
    const size_t where_types = lex_.position();
    const std::vector<Type> types = result_types();
    lex_.expect("{");
    while (lex_.take_word("require")) condition(*graph);
    while (!lex_.take_word("return")) node(*graph, defined);
    results(*graph);
    lex_.expect("}");
    check_results(*graph, types, where_types);
    for (const std::string& name : defined) values_.erase(name);
    --depth_;
    return graph;
  }

  void inputs(Graph& graph, Strings& defined) {
    lex_.expect("(");
    if (lex_.take(")")) return;
    do {
      const size_t start = (lex_.peek(), lex_.position());
      const std::string spelling = value_name();
      lex_.expect(":");
      Value* value = graph.add_input(literals_.type());
      if (lex_.take("=")) value->set_content(literals_.dims());
      define(spelling, value, start, defined);
    } while (lex_.take(","));
    lex_.expect(")");
  }

  void condition(Graph& graph) {
    const size_t start = (lex_.peek(), lex_.position());
    const Dims zero = literals_.dims();
    if (zero.size() != 1) lex_.fail("a condition is one size, which is to be 0", start);
    graph.add_condition({zero[0], lex_.string()});
  }

  std::vector<Type> result_types() {
    std::vector<Type> types;
    if (lex_.take("()")) return types;
    do types.push_back(literals_.type());
    while (lex_.take(","));
    return types;
  }

  void results(Graph& graph) {
    if (lex_.peek() == '}') return;
    do {
      Value* value = use();
      graph.add_output(value, lex_.take_word("as") ? lex_.string() : "");
      if (lex_.take_word("into")) updated_input(graph);
    } while (lex_.take(","));
  }

  void updated_input(Graph& graph) {
    const size_t start = (lex_.peek(), lex_.position());
    Value* input = use();
    if (input->producer() != nullptr || &input->graph() != &graph)
      lex_.fail("a result goes into an input of its graph", start);
    graph.set_updated_input(graph.outputs().size() - 1, input);
  }

  void check_results(const Graph& graph, const std::vector<Type>& types, size_t where) {
    if (types.size() != graph.outputs().size())
      lex_.fail(cat("the graph has ", types.size(), " result types but returns ", graph.outputs().size()), where);
    for (size_t i = 0; i < types.size(); ++i)
      if (types[i] != graph.outputs()[i]->type())
        lex_.fail(cat("result ", i, " is ", graph.outputs()[i]->type(), ", the text says ", types[i]), where);
  }

  void node(Graph& graph, Strings& defined) {
    const size_t start = (lex_.peek(), lex_.position());
    std::vector<std::pair<std::string, size_t>> names;
    do {
      lex_.peek();
      const size_t at = lex_.position();
      names.emplace_back(value_name(), at);
    } while (lex_.take(","));
    lex_.expect("=");
    const size_t where_op = (lex_.peek(), lex_.position());
    const OpDef* op = find_op(lex_.identifier("an operator"));
    if (op == nullptr) lex_.fail("there is no such operator", where_op);
    const std::vector<Value*> operands = this->operands();
    Attributes attributes = this->attributes();
    lex_.expect(":");
    const size_t where_types = (lex_.peek(), lex_.position());
    std::vector<Type> types;
    do types.push_back(literals_.type());
    while (lex_.take(","));
    if (types.size() != names.size()) lex_.fail("a node has one type for each output", where_types);
    check_output_count(*op, names.size(), start);
    Node* node = add(graph, *op, operands, std::move(attributes), static_cast<int>(names.size()), start);
    node->add_origins(origins());
    for (size_t i = 0; i < names.size(); ++i) {
      if (node->output(i)->type() != types[i])
        lex_.fail(cat("output ", i, " of ", op->name(), " is ", node->output(i)->type(), ", the text says ", types[i]),
                  where_types);
      define(names[i].first, node->output(i), names[i].second, defined);
    }
  }

  void check_output_count(const OpDef& op, size_t count, size_t where) {
    const bool variadic = !op.outputs().empty() && op.outputs().back().variadic;
    if (!variadic && count > op.outputs().size())
      lex_.fail(cat(op.name(), " has ", op.outputs().size(), " outputs, not ", count), where);
  }

  Node* add(Graph& graph, const OpDef& op, const std::vector<Value*>& operands, Attributes attributes, int outputs,
            size_t where) {
    try {
      return graph.add(op.name(), operands, std::move(attributes), outputs);
    } catch (const Error& e) {
      lex_.fail(e.message(), where, e.fault());
    }
  }

  std::vector<Value*> operands() {
    std::vector<Value*> operands;
    lex_.expect("(");
    if (lex_.take(")")) return operands;
    do operands.push_back(lex_.take_word("_") ? nullptr : use());
    while (lex_.take(","));
    lex_.expect(")");
    return operands;
  }

  Attributes attributes() {
    Attributes attributes;
    if (!lex_.take("{")) return attributes;
    do {
      const size_t start = (lex_.peek(), lex_.position());
      const std::string name = lex_.identifier("an attribute's name");
      lex_.expect("=");
      if (!attributes.emplace(name, attribute()).second) lex_.fail(cat("attribute ", quoted(name), " is given twice"), start);
    } while (lex_.take(","));
    lex_.expect("}");
    return attributes;
  }

  Attribute attribute() {
    if (lex_.peek() != 'g') return literals_.attribute();
    return std::shared_ptr<Graph>(graph());
  }

  Strings origins() {
    Strings names;
    if (!lex_.take_word("loc")) return names;
    lex_.expect("(");
    do names.push_back(lex_.string());
    while (lex_.take(","));
    lex_.expect(")");
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }

  // The spelling of a value: a number, or its name with a quote in front so that the two cannot be confused.
  std::string value_name() {
    lex_.expect("%");
    const size_t start = lex_.position();
    const std::string digits(lex_.digits());
    if (digits.empty()) return '"' + lex_.identifier("a value's name");
    if (!whole_number<int64_t>(digits)) lex_.fail("the number of a value is too large", start);
    return digits;
  }

  void define(const std::string& spelling, Value* value, size_t where, Strings& defined) {
    if (!values_.emplace(spelling, value).second) lex_.fail("there are two values of this name", where);
    defined.push_back(spelling);
    if (spelling[0] == '"') value->set_name(spelling.substr(1));
  }

  Value* use() {
    const size_t start = (lex_.peek(), lex_.position());
    auto it = values_.find(value_name());
    if (it == values_.end()) lex_.fail("this value is not defined before its use", start);
    return it->second;
  }

  Lexer lex_;
  LiteralParser literals_;
  std::unordered_map<std::string, Value*> values_;  // visible here, by spelling
  int depth_ = 0;
};

}  // namespace

std::unique_ptr<Graph> parse_graph(std::string_view text) { return GraphParser(text).parse(); }

}  // namespace cnnc
