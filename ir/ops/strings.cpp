// Conversions between numbers and strings: what ONNX's Cast and CastLike become at import where one side is a string.
#include <algorithm>
#include <cmath>

#include "ir/op_def.h"
#include "runtime/number_text.h"

namespace cnnc {
namespace {
using enum DType;

// Types that have a text form of their own; import casts the others to and from them.
const DTypes kTextTypes{f32, f64, i64, u64, boolean};

std::vector<Tensor> format_numbers(const Node&, const std::vector<const Tensor*>& operands) {
  const Tensor& numbers = *operands[0];
  const CLocale locale;
  Strings texts;
  for (int64_t i = 0; i < numbers.size(); ++i) {
    char text[kNumberTextBytes];
    write_number(static_cast<int32_t>(numbers.dtype()), numbers.data<char>() + i * static_cast<int64_t>(size_of(numbers.dtype())), text);
    texts.emplace_back(text);
  }
  return {Tensor::strings(numbers.shape(), texts)};
}

CNNC_OP(FormatNumbers)
    .doc(
        "Numbers as text: the fewest digits that give the same number back, in NumPy's form (\"0.1\", \"1.0\", \"1e-05\", "
        "\"inf\", \"nan\", \"True\"). ONNX's Cast to string.")
    .input("input", kTextTypes, "T1")
    .infer([](const OpContext& c) -> std::vector<Type> {
      return {{string, c.dims()}};
    })
    .kernel(format_numbers)
    .example({given(Tensor::of<float>(f32, {7}, {0, -1.5, 0.1f, 1e-5f, 3e30f, INFINITY, NAN}))})
    .example({random(f32, {2, 3}, -9, 9)})
    .example({random(f64, {5}, -1e-3, 1e-3)})
    .example({random(i64, {2, 2}, -999, 999)})
    .example({given(Tensor::of<uint64_t>(u64, {2}, {0, UINT64_MAX}))})
    .example({random(boolean, {3}, 0, 2)});

DType parsed_type(const Node& node) { return std::get<DType>(*node.attribute("to")); }

std::vector<Tensor> parse_numbers(const Node& node, const std::vector<const Tensor*>& operands) {
  const Tensor& texts = *operands[0];
  const CLocale locale;
  const DType type = parsed_type(node);
  Tensor numbers(type, texts.shape());
  for (int64_t i = 0; i < texts.size(); ++i) {
    void* element = numbers.mutable_data<char>() + i * static_cast<int64_t>(size_of(type));
    if (!read_number(texts.text(i), static_cast<int32_t>(type), element))
      throw Error(cat(node.description(), ": element ", i, " is ", quoted(texts.text(i), 40), ", which is no number"));
  }
  return {numbers};
}

CNNC_OP(ParseNumbers)
    .doc(
        "The numbers that texts stand for, as FormatNumbers or any C program writes them, in type `to`. ONNX's Cast from "
        "string. Floats are truncated to integers; a run with a text that is no number fails.")
    .input("input", {string}, "T1")
    .required_attribute("to", f32)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const DType to = parsed_type(c.node());
      c.require(std::find(kTextTypes.begin(), kTextTypes.end(), to) != kTextTypes.end(), "to is ", name_of(to),
                ", need f32, f64, i64, u64 or bool");
      return {{to, c.dims()}};
    })
    .kernel(parse_numbers)
    .example({given(Tensor::strings({6}, {"3.25", " -1e3 ", "INF", "-inf", "NaN", "7"}))}, {{"to", f32}})
    .example({given(Tensor::strings({2, 2}, {"0.1", "1E-300", "-0", "12345678901234567890"}))}, {{"to", f64}})
    .example({given(Tensor::strings({4}, {"-9223372036854775808", "3.7", "+12", "1e30"}))}, {{"to", i64}})
    .example({given(Tensor::strings({3}, {"18446744073709551615", "-3", "2.5"}))}, {{"to", u64}})
    .example({given(Tensor::strings({4}, {"True", "false", "0", "0.5"}))}, {{"to", boolean}})
    .example({random(string, {2, 3}, 0, 9)}, {{"to", i64}});

}  // namespace
}  // namespace cnnc
