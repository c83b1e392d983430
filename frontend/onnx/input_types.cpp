#include "frontend/onnx/input_types.h"

#include <algorithm>
#include <set>

#include "frontend/onnx/tensor_reader.h"
#include "ir/error.h"

namespace cnnc {
namespace {

using Bindings = std::map<std::string, Dim>;

// What exporters write where they mean nothing; equal ones do not mean equal sizes.
bool is_anonymous(const std::string& name) {
  return name.empty() || name == "?" || name == "*" || name == "-1" || name == "None";
}

Dim declared_dim(const onnx::TensorShapeProto::Dimension& dim, const std::string& input, int axis) {
  if (dim.has_dim_value() && dim.dim_value() < -1)
    throw Error(cat("input ", quoted(input), ": axis ", axis, " has the size ", dim.dim_value()));
  if (dim.has_dim_value() && dim.dim_value() >= 0) return dim.dim_value();
  if (dim.has_dim_param() && !is_anonymous(dim.dim_param())) return Dim::symbol(dim.dim_param());
  return Dim::symbol(cat(input, "_", axis));
}

const char* kind_of(const onnx::TypeProto& type) {
  if (type.has_sequence_type()) return "a sequence";
  if (type.has_map_type()) return "a map";
  if (type.has_optional_type()) return "an optional";
  if (type.has_sparse_tensor_type()) return "a sparse tensor";
  return "of an unknown type";
}

[[noreturn]] void misuse(const std::string& message) { throw Error(message, Fault::usage); }

std::string text_of(const Shape& shape) {
  std::string text;
  for (int64_t d : shape) text += cat(text.empty() ? "" : "x", d);
  return text;
}

// Adds what an input's given shape says about the symbols of its declared type.
void bind_shape(const std::string& input, const Type& type, const Shape& shape,
                Bindings& bindings) {
  const std::string given = cat("the shape ", text_of(shape), " for input ", quoted(input));
  if (shape.size() != type.dims.size())
    misuse(cat(given, " has ", shape.size(), " axes, the model has ", type));
  for (size_t a = 0; a < shape.size(); ++a) {
    if (shape[a] < -1) misuse(cat(given, " has the size ", shape[a]));
    if (shape[a] == -1) continue;
    const Dim& dim = type.dims[a];
    if (dim.is_const() && !(dim == shape[a]))
      misuse(cat(given, " differs from the model's ", type, ", which fixes axis ", a, " to ", dim));
    if (dim.is_const()) continue;
    const auto [it, inserted] = bindings.emplace(*dim.as_symbol(), shape[a]);
    if (!inserted && !(it->second == shape[a]))
      misuse(cat(given, " makes ", it->first, " ", shape[a], ", but it is already ", it->second));
  }
}

void check_names(const std::vector<const onnx::ValueInfoProto*>& inputs,
                 const std::vector<Type>& types, const ImportOptions& options) {
  std::set<std::string> symbols, names;
  for (const Type& type : types)
    for (const Dim& dim : type.dims) symbols.merge(dim.symbols());
  for (const auto* input : inputs) names.insert(input->name());
  auto list = [](const std::set<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text += (text.empty() ? "" : ", ") + quoted(item);
    return text.empty() ? std::string("none") : text;
  };
  for (const auto& [symbol, size] : options.dims) {
    if (symbols.count(symbol) == 0)
      misuse(cat("no size is called ", quoted(symbol), "; the model has ", list(symbols)));
    if (size.is_const() && size.value() < 0)
      misuse(cat("the size ", size, " for ", quoted(symbol), " is negative"));
  }
  const auto check_name = [&](const std::string& name) {
    if (names.count(name) == 0)
      misuse(cat("no input is called ", quoted(name), "; the model has ", list(names)));
  };
  for (const auto& [name, shape] : options.shapes) check_name(name);
  for (const auto& [name, value] : options.values) check_name(name);
}

// What the user says about an input's shape; null when nothing.
const Shape* given_shape(const std::string& input, const ImportOptions& options) {
  if (const auto value = options.values.find(input); value != options.values.end())
    return &value->second.shape();
  const auto shape = options.shapes.find(input);
  return shape == options.shapes.end() ? nullptr : &shape->second;
}

void check_value(const std::string& input, const Type& type, const ImportOptions& options) {
  const auto value = options.values.find(input);
  if (value != options.values.end() && value->second.dtype() != type.dtype)
    misuse(cat("the value for input ", quoted(input), " is ", type_of(value->second), ", need ",
               type));
}

}  // namespace

Type declared_type(const onnx::ValueInfoProto& info, const ImportLimits& limits,
                   const Shape* shape) {
  const std::string what = "input " + quoted(info.name());
  if (!info.has_type()) throw Error(cat(what, " has no type"));
  if (!info.type().has_tensor_type())
    throw Error(cat(what, " is ", kind_of(info.type()), "; only tensors are supported"));
  const auto& tensor = info.type().tensor_type();
  const std::optional<DType> dtype = dtype_of_onnx(tensor.elem_type());
  if (!dtype)
    throw Error(cat(what, " has the element type ", onnx_type_name(tensor.elem_type()),
                    ", which is not supported"));
  Type type{*dtype, {}};
  if (!tensor.has_shape() && shape != nullptr) {
    for (size_t a = 0; a < shape->size(); ++a)
      type.dims.push_back(Dim::symbol(cat(info.name(), "_", a)));
    return type;
  }
  if (!tensor.has_shape()) throw Error(cat(what, " has no shape; give one with --shape"));
  if (tensor.shape().dim_size() > limits.rank)
    throw Error(cat(what, " has ", tensor.shape().dim_size(), " axes, the limit is ", limits.rank),
                Fault::limit);
  for (const auto& dim : tensor.shape().dim())
    type.dims.push_back(declared_dim(dim, info.name(), type.rank()));
  return type;
}

std::vector<Type> input_types(const std::vector<const onnx::ValueInfoProto*>& inputs,
                              const ImportOptions& options) {
  std::vector<Type> types;
  for (const auto* input : inputs)
    types.push_back(declared_type(*input, options.limits, given_shape(input->name(), options)));
  check_names(inputs, types, options);
  Bindings bindings = options.dims;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (const Shape* shape = given_shape(inputs[i]->name(), options))
      bind_shape(inputs[i]->name(), types[i], *shape, bindings);
    check_value(inputs[i]->name(), types[i], options);
  }
  for (Type& type : types)
    for (Dim& dim : type.dims) dim = dim.substitute(bindings);
  return types;
}

}  // namespace cnnc
