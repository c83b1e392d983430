// The C header of a model: what codegen/link.h declares as c_header.
#include <cctype>
#include <map>

#include "codegen/c_interface.h"
#include "codegen/link.h"
#include "ir/error.h"

namespace cnnc::codegen {

std::string c_identifier(const std::string& text) {
  std::string result;
  for (const char c : text) result += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (result.empty() || std::isdigit(static_cast<unsigned char>(result[0])) != 0) result = "m" + result;
  return result;
}

static std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

namespace {
struct CType {
  const char* element;
  const char* constant;  // of cnnc_dtype
};
}  // namespace

static CType c_type(DType dtype) {
  static const std::map<DType, CType> types = {
      {DType::f32, {"float", "CNNC_FLOAT"}},       {DType::f64, {"double", "CNNC_DOUBLE"}},
      {DType::f16, {"uint16_t", "CNNC_FLOAT16"}},  {DType::bf16, {"uint16_t", "CNNC_BFLOAT16"}},
      {DType::i8, {"int8_t", "CNNC_INT8"}},        {DType::i16, {"int16_t", "CNNC_INT16"}},
      {DType::i32, {"int32_t", "CNNC_INT32"}},     {DType::i64, {"int64_t", "CNNC_INT64"}},
      {DType::u8, {"uint8_t", "CNNC_UINT8"}},      {DType::u16, {"uint16_t", "CNNC_UINT16"}},
      {DType::u32, {"uint32_t", "CNNC_UINT32"}},   {DType::u64, {"uint64_t", "CNNC_UINT64"}},
      {DType::boolean, {"uint8_t", "CNNC_BOOL"}},  {DType::string, {"const char*", "CNNC_STRING"}},
      {DType::c64, {"struct { float real, imaginary; }", "CNNC_COMPLEX64"}},
      {DType::c128, {"struct { double real, imaginary; }", "CNNC_COMPLEX128"}},
      {DType::f8e4m3fn, {"uint8_t", "CNNC_FLOAT8E4M3FN"}},
      {DType::f8e4m3fnuz, {"uint8_t", "CNNC_FLOAT8E4M3FNUZ"}},
      {DType::f8e5m2, {"uint8_t", "CNNC_FLOAT8E5M2"}},
      {DType::f8e5m2fnuz, {"uint8_t", "CNNC_FLOAT8E5M2FNUZ"}},
      {DType::f8e8m0, {"uint8_t", "CNNC_FLOAT8E8M0"}},
      {DType::f4e2m1, {"uint8_t", "CNNC_FLOAT4E2M1"}},
      {DType::u4, {"uint8_t", "CNNC_UINT4"}},      {DType::i4, {"int8_t", "CNNC_INT4"}},
      {DType::u2, {"uint8_t", "CNNC_UINT2"}},      {DType::i2, {"int8_t", "CNNC_INT2"}},
  };
  return types.at(dtype);
}

// A name from the model as it may stand in a comment or, with quotes, in a C string.
static std::string printable(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const bool plain = std::isprint(static_cast<unsigned char>(c)) != 0 && c != '"' && c != '\\' && c != '*' && c != '?';
    if (plain) {
      result += c;
      continue;
    }
    static const char digits[] = "01234567";
    const auto byte = static_cast<unsigned char>(c);
    result += {'\\', digits[byte >> 6], digits[byte >> 3 & 7], digits[byte & 7]};
  }
  return result;
}

namespace {
// One input or output of the model.
struct Port {
  const char* kind;  // "input", "output"
  size_t index;
  std::string name;
  Type type;
};

class Header {
 public:
  Header(const Graph& graph, const std::string& name) : name_(name), prefix_(upper(name)) {
    for (const auto& input : graph.inputs()) inputs_.push_back({"input", inputs_.size(), input->name(), input->type()});
    for (size_t i = 0; i < graph.outputs().size(); ++i)
      outputs_.push_back({"output", i, graph.output_names()[i], graph.outputs()[i]->type()});
  }

  std::string text() {
    introduce();
    add("#ifndef CNNC_MODEL_", prefix_, "_H_\n#define CNNC_MODEL_", prefix_, "_H_\n\n", kCInterface,
        "\n#include <string.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    add("/* The model: what cnnc_create takes. */\nextern const struct cnnc_model cnnc_model_", name_, ";\n\n");
    add("#define ", prefix_, "_INPUT_COUNT ", inputs_.size(), "\n#define ", prefix_, "_OUTPUT_COUNT ", outputs_.size(),
        "\n");
    for (const Port& port : inputs_) add_port(port);
    for (const Port& port : outputs_) add_port(port);
    add("\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* CNNC_MODEL_", prefix_, "_H_ */\n");
    return std::move(text_);
  }

 private:
  template <typename... Parts>
  void add(const Parts&... parts) {
    text_ += cat(parts...);
  }

  void introduce() {
    add("/* ", name_, ": a neural network, compiled by cnnc.\n *\n");
    for (const auto* ports : {&inputs_, &outputs_})
      for (const Port& port : *ports)
        add(" *   ", port.kind, " ", port.index, "  ", printable(port.name), ": ", printable(port.type.str()), "\n");
    add(" *\n *   cnnc_executable* exe;\n *   if (cnnc_create(&cnnc_model_", name_, ", NULL, &exe) != CNNC_OK) ...\n",
        " *   cnnc_tensor_view in[", prefix_, "_INPUT_COUNT] = {", name_, "_input_0(...), ...};\n",
        " *   cnnc_tensor_view out[", prefix_, "_OUTPUT_COUNT] = {", name_, "_output_0(...), ...};\n",
        " *   if (cnnc_run(exe, in, ", prefix_, "_INPUT_COUNT, out, ", prefix_,
        "_OUTPUT_COUNT) != CNNC_OK) puts(cnnc_last_error(exe));\n *   cnnc_destroy(exe);\n */\n");
  }

  void add_port(const Port& port) {
    const std::string prefix = cat(prefix_, "_", upper(port.kind), "_", port.index);
    const CType type = c_type(port.type.dtype);
    add("\n/* ", port.kind, " ", port.index, ", ", printable(port.name), ": ", printable(port.type.str()), " */\n");
    add("#define ", prefix, "_NAME \"", printable(port.name), "\"\n#define ", prefix, "_DTYPE ", type.constant,
        "\n#define ", prefix, "_RANK ", port.type.rank(), "\n");
    for (int axis = 0; axis < port.type.rank(); ++axis) {
      const Dim& dim = port.type.dims[static_cast<size_t>(axis)];
      if (dim.is_const()) add("#define ", prefix, "_DIM_", axis, " ", dim.value(), "\n");
    }
    const Dim elements = port.type.element_count();
    if (elements.is_const()) add("#define ", prefix, "_ELEMENTS ", elements.value(), "\n");
    add("typedef ", type.element, " ", name_, "_", port.kind, "_", port.index, "_element;\n");
    port.kind == std::string("input") ? add_input_view(port, prefix) : add_output_view(port);
  }

  // A function with a parameter for every size that is not fixed.
  void add_input_view(const Port& port, const std::string& prefix) {
    const std::string function = cat(name_, "_input_", port.index);
    add("static inline cnnc_tensor_view ", function, "(const ", function, "_element* data");
    for (int axis = 0; axis < port.type.rank(); ++axis)
      if (!port.type.dims[static_cast<size_t>(axis)].is_const()) add(", int64_t dim_", axis);
    add(") {\n  cnnc_tensor_view view;\n  memset(&view, 0, sizeof view);\n  view.data = (void*)data;\n  view.dtype = ",
        prefix, "_DTYPE;\n  view.rank = ", prefix, "_RANK;\n  view.bytes = sizeof *data;\n");
    for (int axis = 0; axis < port.type.rank(); ++axis) {
      const bool fixed = port.type.dims[static_cast<size_t>(axis)].is_const();
      const std::string size = fixed ? cat(prefix, "_DIM_", axis) : cat("dim_", axis);
      add("  view.dims[", axis, "] = ", size, ";\n  view.bytes *= (size_t)", size, ";\n");
    }
    add("  return view;\n}\n");
  }

  // The shape is for the run to fill in.
  void add_output_view(const Port& port) {
    const std::string function = cat(name_, "_output_", port.index);
    add("static inline cnnc_tensor_view ", function, "(", function, "_element* data, size_t bytes) {\n",
        "  cnnc_tensor_view view;\n  memset(&view, 0, sizeof view);\n  view.data = data;\n  view.bytes = bytes;\n",
        "  return view;\n}\n");
  }

  std::string name_, prefix_, text_;
  std::vector<Port> inputs_, outputs_;
};
}  // namespace

std::string c_header(const Graph& graph, const std::string& name) {
  if (c_identifier(name) != name) throw Error(cat(quoted(name), " is no C identifier"), Fault::usage);
  return Header(graph, name).text();
}

}  // namespace cnnc::codegen
