// Prints graphs; docs/ir.md has the grammar and ir/text_parser.cpp reads it back.
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "ir/error.h"
#include "ir/graph.h"
#include "ir/text.h"
#include "runtime/narrow_float.h"

namespace cnnc {

std::string text_of(const std::string& string) {
  std::string out = "\"";
  for (unsigned char c : string) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", c);
      out += escaped;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "\"";
}

bool is_identifier(std::string_view name) {
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '.'))) return false;
  }
  return true;
}

static std::string identifier_or_string(const std::string& name) {
  return is_identifier(name) ? name : text_of(name);
}

// The shortest digits that read back as the same number; always recognisable as a float.
template <typename T>
static std::string shortest(T value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string out(buffer, end);
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

static std::string hex(uint64_t bits) {
  char buffer[20];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, bits, 16);
  return std::string(buffer, end);
}

uint64_t plain_nan(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 0x7FF8000000000000;
    case DType::f32:
      return 0x7FC00000;
    case DType::f16:
      return 0x7E00;
    case DType::bf16:
      return 0x7FC0;
    default:
      return static_cast<uint64_t>(narrow_float_format(dtype).nan);  // no bits at all where there is no NaN
  }
}

// Only the plain quiet NaN is `nan`; any other keeps its bits.
static std::string nan_text(uint64_t bits, uint64_t plain) { return bits == plain ? "nan" : "nan:" + hex(bits); }

std::string text_of(double value) {
  if (std::isnan(value)) return nan_text(std::bit_cast<uint64_t>(value), plain_nan(DType::f64));
  return shortest(value);
}

static std::string element_text(const Tensor& t, int64_t i) {
  const double value = is_float(t.dtype()) ? t.as_double(i) : 0;
  switch (t.dtype()) {
    case DType::f64:
      return text_of(value);
    case DType::f32:
      if (std::isnan(value)) return nan_text(t.data<uint32_t>()[i], plain_nan(t.dtype()));
      return shortest(static_cast<float>(value));
    case DType::f16:
    case DType::bf16:
      if (std::isnan(value))
        return nan_text(t.data<uint16_t>()[i], plain_nan(t.dtype()));
      return shortest(static_cast<float>(value));
    case DType::string:
      return text_of(t.text(i));
    case DType::boolean:
      return t.as_int(i) ? "true" : "false";
    case DType::u64:
      return std::to_string(static_cast<uint64_t>(t.as_int(i)));
    default:
      if (!is_narrow_float(t.dtype())) return std::to_string(t.as_int(i));
      if (std::isnan(value)) return nan_text(t.data<uint8_t>()[i], plain_nan(t.dtype()));
      return shortest(static_cast<float>(value));
  }
}

static std::string elements_text(const Tensor& t) {
  if (is_complex(t.dtype())) return elements_text(t.viewed_as(t.dtype() == DType::c64 ? DType::f32 : DType::f64, {2 * t.size()}));
  std::string out;
  for (int64_t i = 0; i < t.size(); ++i) out += (i ? ", " : "") + element_text(t, i);
  return out;
}

static std::string tensor_text(const Tensor& t, int64_t max_elements) {
  std::string out = type_of(t).str();
  const bool all = !t.is_elided() && (max_elements < 0 || t.size() <= max_elements);
  if (!all) {
    char hash[20];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(t.content_hash()));
    return out + " @" + hash;
  }
  return out + " {" + elements_text(t) + "}";
}

template <typename List, typename Fn>
static std::string list_text(const List& list, const char* empty, Fn fn) {
  if (list.empty()) return empty;
  std::string out = "[";
  for (size_t i = 0; i < list.size(); ++i) out += (i ? "," : "") + fn(list[i]);
  return out + "]";
}

namespace {

class Printer {
 public:
  explicit Printer(const PrintOptions& options) : options_(options) {}

  std::string graph(const Graph& g, int indent) {
    const std::string margin(static_cast<size_t>(indent), ' ');
    std::string out = "graph @" + identifier_or_string(g.name()) + "(";
    for (size_t i = 0; i < g.inputs().size(); ++i) out += (i ? ", " : "") + input(*g.inputs()[i]);
    out += ") -> ";
    for (size_t i = 0; i < g.outputs().size(); ++i) out += (i ? ", " : "") + g.outputs()[i]->type().str();
    out += g.outputs().empty() ? "() {\n" : " {\n";
    for (const SizeCondition& c : g.conditions())
      out += margin + "  require [" + c.zero.str() + "] " + text_of(c.text) + "\n";
    for (const auto& node : g.nodes()) out += margin + "  " + this->node(*node, indent + 2) + "\n";
    return out + margin + "  return" + results(g) + "\n" + margin + "}";
  }

  std::string node(const Node& node, int indent) {
    std::string out, types;
    for (size_t i = 0; i < node.output_count(); ++i) {
      out += (i ? ", " : "") + name_of(*node.output(i));
      types += (i ? ", " : "") + node.output(i)->type().str();
    }
    out += " = " + node.op_name() + "(";
    for (size_t i = 0; i < node.inputs().size(); ++i)
      out += (i ? ", " : "") + (node.input(i) ? name_of(*node.input(i)) : "_");
    out += ")" + attributes(node, indent) + " : " + types;
    if (options_.origins && !node.origins().empty()) {
      std::string names;
      for (const std::string& name : node.origins().names()) names += (names.empty() ? "" : ",") + text_of(name);
      out += " loc(" + names + ")";
    }
    return out;
  }

 private:
  std::string input(const Value& value) {
    std::string out = name_of(value) + ": " + value.type().str();
    if (!value.content()) return out;
    return out + " = " + list_text(*value.content(), "[]", [](const Dim& d) { return d.str(); });
  }

  std::string results(const Graph& g) {
    std::string out;
    for (size_t i = 0; i < g.outputs().size(); ++i) {
      out += (i ? ", " : " ") + name_of(*g.outputs()[i]);
      if (!g.output_names()[i].empty()) out += " as " + text_of(g.output_names()[i]);
      if (g.updated_input(i)) out += " into " + name_of(*g.updated_input(i));
    }
    return out;
  }

  std::string attributes(const Node& node, int indent) {
    if (node.attributes().empty()) return "";
    std::string out = " {";
    for (const auto& [name, value] : node.attributes())
      out += (out.size() > 2 ? ", " : "") + identifier_or_string(name) + " = " + attribute(value, indent);
    return out + "}";
  }

  std::string attribute(const Attribute& value, int indent) {
    if (const auto* v = std::get_if<int64_t>(&value)) return std::to_string(*v);
    if (const auto* v = std::get_if<double>(&value)) return text_of(*v);
    if (const auto* v = std::get_if<std::string>(&value)) return text_of(*v);
    if (const auto* v = std::get_if<DType>(&value)) return std::string(cnnc::name_of(*v));
    if (const auto* v = std::get_if<Ints>(&value))
      return list_text(*v, "ints[]", [](int64_t i) { return std::to_string(i); });
    if (const auto* v = std::get_if<Floats>(&value))
      return list_text(*v, "floats[]", [](double d) { return text_of(d); });
    if (const auto* v = std::get_if<Strings>(&value))
      return list_text(*v, "strings[]", [](const std::string& s) { return text_of(s); });
    if (const auto* v = std::get_if<Tensor>(&value)) return tensor_text(*v, options_.max_elements);
    return graph(*std::get<std::shared_ptr<Graph>>(value), indent);
  }

  // "%x", %"odd name", or "%3" for a value without a name; distinct for distinct values.
  std::string name_of(const Value& value) {
    auto it = names_.find(&value);
    if (it != names_.end()) return it->second;
    std::string text;
    if (value.name().empty() || !options_.names) {
      text = "%" + std::to_string(next_number_++);
    } else {
      std::string unique = value.name();
      for (int suffix = 1; !taken_.insert(unique).second; ++suffix) unique = cat(value.name(), ".", suffix);
      text = "%" + identifier_or_string(unique);
    }
    return names_[&value] = text;
  }

  const PrintOptions& options_;
  std::unordered_map<const Value*, std::string> names_;
  std::unordered_set<std::string> taken_;
  int64_t next_number_ = 0;
};

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) { return Printer(options).graph(graph, 0) + "\n"; }

std::string print(const Node& node, const PrintOptions& options) { return Printer(options).node(node, 0); }

}  // namespace cnnc
