#include "ir/op_def.h"

#include <algorithm>
#include <set>

namespace cnnc {

// ---- the registry ----------------------------------------------------------------------------------------------------

static std::map<std::string, OpDef, std::less<>>& registry() {
  static std::map<std::string, OpDef, std::less<>> ops;
  return ops;
}

OpDef& register_op(std::string name) {
  auto [it, inserted] = registry().emplace(name, OpDef(name));
  CNNC_CHECK(inserted) << "operator " << name << " is declared twice";
  return it->second;
}

const OpDef* find_op(std::string_view name) {
  auto it = registry().find(name);
  return it == registry().end() ? nullptr : &it->second;
}

const OpDef& op_named(std::string_view name) {
  const OpDef* op = find_op(name);
  if (op == nullptr) throw Error(cat("there is no operator ", quoted(std::string(name))));
  return *op;
}

const OpDef* find_onnx_op(std::string_view domain, std::string_view op_type) {
  const OpDef* op = find_op(op_type);
  if (op == nullptr || op->onnx_versions().empty() || op->onnx_domain() != domain) return nullptr;
  return op;
}

std::vector<const OpDef*> all_ops() {
  std::vector<const OpDef*> ops;
  for (const auto& [name, op] : registry()) ops.push_back(&op);
  return ops;
}

// ---- the declaration -------------------------------------------------------------------------------------------------

OpDef& OpDef::doc(std::string text) {
  doc_ = std::move(text);
  return *this;
}

OpDef& OpDef::onnx(std::vector<int> versions, std::string domain) {
  onnx_versions_ = std::move(versions);
  onnx_domain_ = std::move(domain);
  return *this;
}

OpDef& OpDef::onnx_upgrade(int last, UpgradeFn fn) {
  upgrades_.emplace_back(last, std::move(fn));
  std::stable_sort(upgrades_.begin(), upgrades_.end(), [](auto& a, auto& b) { return a.first < b.first; });
  return *this;
}

OpDef& OpDef::input(std::string name, DTypes types, std::string type_variable) {
  inputs_.push_back({std::move(name), std::move(types), std::move(type_variable)});
  return *this;
}

OpDef& OpDef::optional_input(std::string name, DTypes types, std::string type_variable) {
  inputs_.push_back({std::move(name), std::move(types), std::move(type_variable), true});
  return *this;
}

OpDef& OpDef::variadic_input(std::string name, DTypes types, std::string type_variable) {
  inputs_.push_back({std::move(name), std::move(types), std::move(type_variable), false, true});
  return *this;
}

OpDef& OpDef::output(std::string name) {
  outputs_.push_back({std::move(name), kAnyType});
  return *this;
}

OpDef& OpDef::optional_output(std::string name) {
  outputs_.push_back({std::move(name), kAnyType, "", true});
  return *this;
}

OpDef& OpDef::variadic_output(std::string name) {
  outputs_.push_back({std::move(name), kAnyType, "", false, true});
  return *this;
}

OpDef& OpDef::attribute(std::string name, Attribute fallback) {
  attributes_.push_back({std::move(name), fallback, fallback, false});
  return *this;
}

OpDef& OpDef::required_attribute(std::string name, Attribute example_of_kind) {
  attributes_.push_back({std::move(name), std::move(example_of_kind), std::nullopt, true});
  return *this;
}

OpDef& OpDef::optional_attribute(std::string name, Attribute example_of_kind) {
  attributes_.push_back({std::move(name), std::move(example_of_kind), std::nullopt, false});
  return *this;
}

OpDef& OpDef::elementwise(std::function<Scalar(Scalar)> fn) {
  return elementwise_with([fn](const OpContext&, const Scalars& x) { return fn(x[0]); });
}

OpDef& OpDef::elementwise(std::function<Scalar(Scalar, Scalar)> fn) {
  return elementwise_with([fn](const OpContext&, const Scalars& x) { return fn(x[0], x[1]); });
}

OpDef& OpDef::elementwise(std::function<Scalar(Scalar, Scalar, Scalar)> fn) {
  return elementwise_with([fn](const OpContext&, const Scalars& x) { return fn(x[0], x[1], x[2]); });
}

OpDef& OpDef::elementwise_with(ElementwiseFn fn) {
  elementwise_ = std::move(fn);
  if (outputs_.empty()) output("output");
  return *this;
}

OpDef& OpDef::infer(InferFn fn) {
  infer_ = std::move(fn);
  if (outputs_.empty()) output("output");
  return *this;
}

OpDef& OpDef::compute(ComputeFn fn) {
  compute_ = std::move(fn);
  return *this;
}

OpDef& OpDef::indexed(std::function<Scalar(const OpContext&, const Scalars&)> fn) {
  return compute([fn](const OpContext& c, int output) {
    Computation result;
    result.dtype = c.output_type(static_cast<size_t>(output)).dtype;
    result.space = c.output_type(static_cast<size_t>(output)).dims;
    result.value = fn(c, OpContext::indices(static_cast<int>(result.space.size())));
    return result;
  });
}

OpDef& OpDef::decompose(DecomposeFn fn) {
  decompose_ = std::move(fn);
  return *this;
}

OpDef& OpDef::kernel(KernelFn fn) {
  kernel_ = std::move(fn);
  return *this;
}

OpDef& OpDef::gradient(GradientFn fn) {
  gradient_ = std::move(fn);
  return *this;
}

OpDef& OpDef::view() {
  view_ = true;
  return *this;
}

OpDef& OpDef::impure() {
  pure_ = false;
  return *this;
}

OpDef& OpDef::example(std::vector<ExampleOperand> operands, Attributes attributes, int output_count) {
  examples_.push_back({std::move(operands), std::move(attributes), output_count});
  return *this;
}

ExampleOperand random(DType dtype, Shape shape, double low, double high) {
  return {{dtype, to_dims(shape)}, low, high, std::nullopt, false};
}

ExampleOperand given(Tensor tensor) {
  Type type = type_of(tensor);
  return {std::move(type), 0, 0, std::move(tensor), false};
}

ExampleOperand absent() { return {{}, 0, 0, std::nullopt, true}; }

std::optional<Attribute> OnnxNode::take(const std::string& name) {
  auto it = attributes.find(name);
  if (it == attributes.end()) return std::nullopt;
  Attribute value = std::move(it->second);
  attributes.erase(it);
  return value;
}

void OnnxNode::attribute_to_input(const std::string& name, size_t position) {
  std::optional<Attribute> value = take(name);
  if (!value) return;
  Tensor tensor;
  if (auto* ints = std::get_if<Ints>(&*value)) {
    tensor = Tensor::ints(*ints);
  } else if (auto* integer = std::get_if<int64_t>(&*value)) {
    tensor = Tensor::scalar(DType::i64, 0);
    tensor.set_int(0, *integer);
  } else if (auto* number = std::get_if<double>(&*value)) {
    tensor = Tensor::scalar(DType::f32, *number);
  } else if (auto* floats = std::get_if<Floats>(&*value)) {
    tensor = Tensor::of(DType::f32, {static_cast<int64_t>(floats->size())}, std::vector<float>(floats->begin(), floats->end()));
  } else {
    throw Error(cat(op, ": attribute ", quoted(name), " is ", kind_of(*value), ", need numbers"));
  }
  if (inputs.size() <= position) inputs.resize(position + 1, nullptr);
  inputs[position] = graph.constant(std::move(tensor));
}

// ---- queries ---------------------------------------------------------------------------------------------------------

const AttributeDef* OpDef::attribute_def(std::string_view name) const {
  for (const AttributeDef& def : attributes_)
    if (def.name == name) return &def;
  return nullptr;
}

const Attribute* OpDef::default_attribute(std::string_view name) const {
  const AttributeDef* def = attribute_def(name);
  return def && def->fallback ? &*def->fallback : nullptr;
}

static const OperandDef& operand_def(const std::vector<OperandDef>& defs, size_t i) {
  return defs[std::min(i, defs.size() - 1)];
}

void OpDef::check_operands(const Node& node) const {
  const OpContext c(node);
  const bool variadic = !inputs_.empty() && inputs_.back().variadic;
  c.require(variadic || node.inputs().size() <= inputs_.size(), "has ", node.inputs().size(), " inputs, takes at most ",
            inputs_.size());
  std::map<std::string, std::pair<DType, std::string>> variables;
  for (size_t i = 0; i < std::max(node.inputs().size(), inputs_.size()); ++i) {
    const OperandDef& def = operand_def(inputs_, i);
    if (!c.has(i)) {
      c.require(def.optional || (def.variadic && i > 0 && i >= node.inputs().size()), "input ", i, " (", def.name,
                ") is missing");
      continue;
    }
    const DType dtype = c.dtype(i);
    c.require(std::find(def.types.begin(), def.types.end(), dtype) != def.types.end(), "input ", i, " (", def.name,
              ") is ", name_of(dtype), ", which this operator does not take");
    if (def.type_variable.empty()) continue;
    auto [it, first] = variables.emplace(def.type_variable, std::pair(dtype, def.name));
    c.require(first || it->second.first == dtype, "input ", i, " (", def.name, ") is ", name_of(dtype), " but ",
              it->second.second, " is ", name_of(it->second.first), "; need the same type");
  }
}

void OpDef::check_attributes(const Node& node) const {
  const OpContext c(node);
  for (const auto& [name, value] : node.attributes()) {
    const AttributeDef* def = attribute_def(name);
    // Decisions of the compiler, written on any node.
    static const std::set<std::string> kDecisions = {"kernel", "kernel_config", "recomputed"};
    if (def == nullptr && kDecisions.count(name)) continue;
    c.require(def != nullptr, "has no attribute ", quoted(name));
    c.require(def->example.index() == value.index(), "attribute ", quoted(name), " is ", kind_of(value), ", need ",
              kind_of(def->example));
  }
  for (const AttributeDef& def : attributes_)
    c.require(!def.required || node.attributes().count(def.name), "attribute ", quoted(def.name), " is missing");
}

std::vector<Type> OpDef::infer_elementwise(const OpContext& c) const {
  Type result;
  for (size_t i = 0; i < c.input_count(); ++i) {
    if (!c.has(i)) continue;
    const Dims& dims = c.dims(i);
    if (dims.size() > result.dims.size()) result.dims.insert(result.dims.begin(), dims.size() - result.dims.size(), 1);
    const size_t offset = result.dims.size() - dims.size();
    for (size_t a = 0; a < dims.size(); ++a) {
      std::optional<Dim> joined = broadcast(result.dims[offset + a], dims[a]);
      if (!joined) {
        std::string shapes;
        for (size_t k = 0; k < c.input_count(); ++k)
          if (c.has(k)) shapes += (shapes.empty() ? "" : " and ") + c.type(k).str();
        c.fail("shapes ", shapes, " do not broadcast");
      }
      result.dims[offset + a] = *joined;
    }
  }
  result.dtype = scalar_function(c.node()).dtype();
  return {result};
}

std::vector<Type> OpDef::infer_types(const Node& node) const {
  check_operands(node);
  check_attributes(node);
  const OpContext c(node);
  return infer_ ? infer_(c) : infer_elementwise(c);
}

static bool is_storage_only(DType t) { return t == DType::f16 || t == DType::bf16; }

Scalar OpDef::scalar_function(const Node& node) const {
  const OpContext c(node);
  Scalars params;
  DType storage = DType::f32;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (!c.has(i)) {
      params.emplace_back();
      continue;
    }
    Scalar p = Scalar::param(static_cast<int>(i), c.dtype(i));
    if (is_storage_only(c.dtype(i))) {
      if (operand_def(inputs_, i).type_variable == "T") storage = c.dtype(i);
      p = cast(p, DType::f32);
    }
    params.push_back(p);
  }
  while (params.size() < inputs_.size()) params.emplace_back();
  Scalar result = elementwise_(c, params);
  if (result.dtype() == DType::f32 && is_storage_only(storage)) result = cast(result, storage);
  return result;
}

Computation OpDef::computation(const Node& node, int output) const {
  const OpContext c(node);
  if (compute_) return compute_(c, output);
  CNNC_CHECK(elementwise_ != nullptr) << node.description() << " has no computation";
  Computation result;
  result.dtype = c.output_type().dtype;
  result.space = c.output_type().dims;
  const Scalars indices = OpContext::indices(static_cast<int>(result.space.size()));
  result.value = rewrite_leaves(scalar_function(node), [&](const Scalar& leaf) {
    if (leaf.op() != ScalarOp::param) return Scalar();
    return c.load_broadcast(static_cast<size_t>(leaf->integer), indices);
  });
  return result;
}

// ---- OpContext -------------------------------------------------------------------------------------------------------

const Type& OpContext::type(size_t i) const {
  CNNC_CHECK(has(i)) << node_.description() << " has no input " << i;
  return node_.input(i)->type();
}

std::optional<Dims> OpContext::content(size_t i) const { return has(i) ? node_.input(i)->content() : std::nullopt; }

Dims OpContext::need_content(size_t i) const {
  std::optional<Dims> content = this->content(i);
  if (!content)
    fail("input ", i, " (", operand_def(node_.op().inputs(), i).name,
         ") decides the size of the result, and it is known only while the model runs; sizes that data decides are not "
         "supported");
  return *content;
}

Ints OpContext::need_ints(size_t i) const {
  Ints ints;
  for (const Dim& d : need_content(i)) {
    require(d.is_const(), "input ", i, " (", operand_def(node_.op().inputs(), i).name, ") holds the symbolic size ", d,
            ", need a number; bind its symbols with --dim or --shape");
    ints.push_back(d.value());
  }
  return ints;
}

int OpContext::axis(int64_t axis, int rank) const {
  require(axis >= -rank && axis < rank, "axis ", axis, " is out of range for ", rank, " axes");
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<int> OpContext::axes(const Ints& axes, int rank) const {
  std::vector<int> result;
  for (int64_t a : axes) {
    const int n = axis(a, rank);
    require(std::find(result.begin(), result.end(), n) == result.end(), "axis ", a, " is given twice");
    result.push_back(n);
  }
  return result;
}

Scalar OpContext::load(size_t operand, Scalars indices) const {
  return Scalar::load(static_cast<int>(operand), dtype(operand), std::move(indices));
}

Scalar OpContext::load_broadcast(size_t operand, const Scalars& indices) const {
  const Dims& dims = this->dims(operand);
  const size_t offset = indices.size() - dims.size();
  Scalars own;
  for (size_t a = 0; a < dims.size(); ++a) {
    const Dim& out = output_type().dims[offset + a];
    if (dims[a] == 1) own.push_back(Scalar::i64(0));
    else if (dims[a] == out) own.push_back(indices[offset + a]);
    else own.push_back(select(Scalar::size(dims[a]) == Scalar::i64(1), Scalar::i64(0), indices[offset + a]));
  }
  return load(operand, std::move(own));
}

Scalars OpContext::indices(int count, int first) {
  Scalars result;
  for (int i = 0; i < count; ++i) result.push_back(Scalar::index(first + i));
  return result;
}

// ---- inference of types and contents -----------------------------------------------------------------------------------

// Contents longer than this are data, not shapes.
static constexpr int64_t kMaxContent = 1024;

static std::optional<Dims> constant_content(const Tensor& tensor) {
  if (!(is_int(tensor.dtype()) || tensor.dtype() == DType::boolean) || tensor.size() > kMaxContent ||
      tensor.raw() == nullptr)
    return std::nullopt;
  Dims dims;
  for (int64_t i = 0; i < tensor.size(); ++i) dims.push_back(tensor.as_int(i));
  return dims;
}

// The elements of one output, by evaluating its computation over sizes.
static std::optional<Dims> computed_content(const Node& node, int output) {
  const Type& type = node.output(static_cast<size_t>(output))->type();
  if (!(is_int(type.dtype) || type.dtype == DType::boolean) || !type.is_static() || !node.op().has_computation())
    return std::nullopt;
  const Dim count = type.element_count();
  if (count.value() > kMaxContent) return std::nullopt;
  const Computation computation = node.op().computation(node, output);
  if (computation.is_reduction()) return std::nullopt;
  auto load = [&](int operand, const std::vector<Dim>& indices) -> std::optional<Dim> {
    const Value* value = node.input(static_cast<size_t>(operand));
    if (!value->content()) return std::nullopt;
    int64_t flat = 0;
    for (size_t a = 0; a < indices.size(); ++a) {
      if (!indices[a].is_const() || !value->dim(static_cast<int>(a)).is_const()) return std::nullopt;
      flat = flat * value->dim(static_cast<int>(a)).value() + indices[a].value();
    }
    if (flat < 0 || flat >= static_cast<int64_t>(value->content()->size())) return std::nullopt;
    return (*value->content())[static_cast<size_t>(flat)];
  };
  Dims content;
  const Shape shape = type.shape();
  std::vector<Dim> indices(shape.size(), 0);
  for (int64_t flat = 0; flat < count.value(); ++flat) {
    int64_t rest = flat;
    for (size_t a = shape.size(); a-- > 0; rest /= shape[a]) indices[a] = rest % shape[a];
    std::optional<Dim> element = evaluate_dims(computation.value, indices, load);
    if (!element) return std::nullopt;
    content.push_back(*element);
  }
  return content;
}

void infer_node(Node& node) {
  std::vector<Type> types = node.op().infer_types(node);
  CNNC_CHECK(types.size() >= node.output_count())
      << node.description() << " infers " << types.size() << " types for " << node.output_count() << " outputs";
  for (size_t i = 0; i < node.output_count(); ++i) {
    for (const Dim& d : types[i].dims)
      if (auto high = d.upper_bound(); high && *high < 0)
        throw Error(cat(node.description(), ": output ", i, " would have the type ", types[i], " with a negative size"));
    node.output(i)->set_type(std::move(types[i]));
  }
  for (size_t i = 0; i < node.output_count(); ++i) {
    const Tensor* constant = node.output(i)->constant();
    node.output(i)->set_content(constant ? constant_content(*constant) : computed_content(node, static_cast<int>(i)));
  }
}

}  // namespace cnnc
