// A constant property of a Node.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/tensor.h"

namespace cnnc {

class Graph;

using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;
using Strings = std::vector<std::string>;

// Floats hold ONNX's f32 attributes exactly. A Graph attribute is a region: a fused body, a branch, a loop body.
using Attribute = std::variant<int64_t, double, std::string, DType, Ints, Floats, Strings, Tensor,
                               std::shared_ptr<Graph>>;
using Attributes = std::map<std::string, Attribute>;

// Same kind and same content; tensors by their bits, regions by their text form.
bool equal(const Attribute& a, const Attribute& b);
bool equal(const Attributes& a, const Attributes& b);
// "an integer", "a list of floats", ...: for messages.
const char* kind_of(const Attribute& attribute);

}  // namespace cnnc
