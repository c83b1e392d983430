#include "frontend/onnx/tensor_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "ir/error.h"
#include "runtime/bit_packing.h"

namespace cnnc {
namespace {

// Where ONNX keeps the elements of a type when they are not in raw_data.
struct TypedField {
  const char* name;
  int64_t count;
};

TypedField typed_field(const onnx::TensorProto& proto, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return {"float_data", proto.float_data_size()};
    case DType::f64:
      return {"double_data", proto.double_data_size()};
    case DType::c64:
      return {"float_data", proto.float_data_size()};
    case DType::c128:
      return {"double_data", proto.double_data_size()};
    case DType::string:
      return {"string_data", proto.string_data_size()};
    case DType::i64:
      return {"int64_data", proto.int64_data_size()};
    case DType::u32:
    case DType::u64:
      return {"uint64_data", proto.uint64_data_size()};
    default:
      return {"int32_data", proto.int32_data_size()};
  }
}

int64_t typed_elements(const onnx::TensorProto& proto) {
  return int64_t{proto.float_data_size()} + proto.double_data_size() + proto.int64_data_size() +
         proto.uint64_data_size() + proto.int32_data_size() + proto.string_data_size();
}

// A tensor that owns what was a field of a message.
template <typename T>
Tensor adopt(DType dtype, Shape shape, google::protobuf::RepeatedField<T>& field) {
  auto owner = std::make_shared<google::protobuf::RepeatedField<T>>();
  owner->Swap(&field);
  const void* data = owner->data();
  return Tensor(dtype, std::move(shape), std::move(owner), data);
}

// f16 and bf16 are stored as the integers of their bits.
template <typename T, typename From>
Tensor narrowed(DType dtype, Shape shape, const google::protobuf::RepeatedField<From>& field) {
  Tensor tensor(dtype, std::move(shape));
  T* out = tensor.mutable_data<T>();
  for (int i = 0; i < field.size(); ++i) {
    const From value = field[i];
    if (static_cast<From>(static_cast<T>(value)) != value)
      throw Error(cat("element ", i, " is ", value, ", which ", name_of(dtype), " cannot hold"));
    out[i] = static_cast<T>(value);
  }
  return tensor;
}

Tensor strings(Shape shape, const google::protobuf::RepeatedPtrField<std::string>& field) {
  for (int i = 0; i < field.size(); ++i)
    if (field[i].find('\0') != std::string::npos)
      throw Error(cat("element ", i, " holds a zero byte, which a string here cannot"));
  return Tensor::strings(std::move(shape), {field.begin(), field.end()});
}

Tensor booleans(Shape shape, const google::protobuf::RepeatedField<int32_t>& field) {
  Tensor tensor(DType::boolean, std::move(shape));
  std::transform(field.begin(), field.end(), tensor.mutable_data<uint8_t>(),
                 [](int32_t v) { return v != 0; });
  return tensor;
}

// From the form in which files keep elements of fewer than 8 bits.
Tensor unpacked(DType dtype, Shape shape, const uint8_t* packed) {
  Tensor tensor(dtype, std::move(shape));
  unpack_elements(dtype, packed, tensor.size(), tensor.mutable_data<uint8_t>());
  return tensor;
}

Tensor from_typed_field(onnx::TensorProto& proto, DType dtype, Shape shape) {
  switch (dtype) {
    case DType::f32:
      return adopt(dtype, std::move(shape), *proto.mutable_float_data());
    case DType::f64:
      return adopt(dtype, std::move(shape), *proto.mutable_double_data());
    case DType::c64:
      return adopt(dtype, std::move(shape), *proto.mutable_float_data());
    case DType::c128:
      return adopt(dtype, std::move(shape), *proto.mutable_double_data());
    case DType::string:
      return strings(std::move(shape), proto.string_data());
    case DType::i64:
      return adopt(dtype, std::move(shape), *proto.mutable_int64_data());
    case DType::u64:
      return adopt(dtype, std::move(shape), *proto.mutable_uint64_data());
    case DType::i32:
      return adopt(dtype, std::move(shape), *proto.mutable_int32_data());
    case DType::u32:
      return narrowed<uint32_t>(dtype, std::move(shape), proto.uint64_data());
    case DType::i16:
      return narrowed<int16_t>(dtype, std::move(shape), proto.int32_data());
    case DType::i8:
      return narrowed<int8_t>(dtype, std::move(shape), proto.int32_data());
    case DType::u8:
      return narrowed<uint8_t>(dtype, std::move(shape), proto.int32_data());
    case DType::boolean:
      return booleans(std::move(shape), proto.int32_data());
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
    case DType::f8e8m0:
      return narrowed<uint8_t>(dtype, std::move(shape), proto.int32_data());
    case DType::f4e2m1:
    case DType::i4:
    case DType::u4:
    case DType::i2:
    case DType::u2: {
      const Tensor bytes = narrowed<uint8_t>(DType::u8, {proto.int32_data_size()}, proto.int32_data());
      return unpacked(dtype, std::move(shape), bytes.data<uint8_t>());
    }
    default:  // u16, f16, bf16
      return narrowed<uint16_t>(dtype, std::move(shape), proto.int32_data());
  }
}

// Bools are 0 or 1 in a Tensor and any byte in a file; pointers to elements are aligned in a
// Tensor, and elements are not packed.
Tensor as_tensor(DType dtype, Shape shape, std::shared_ptr<const void> owner, const char* data) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(data);
  if (is_packed_in_files(dtype)) return unpacked(dtype, std::move(shape), bytes);
  Tensor tensor(dtype, std::move(shape), std::move(owner), data);
  if (reinterpret_cast<uintptr_t>(data) % alignment_of(dtype) != 0) tensor.mutable_raw();
  if (dtype == DType::boolean &&
      std::any_of(bytes, bytes + tensor.bytes(), [](uint8_t b) { return b > 1; })) {
    uint8_t* own = tensor.mutable_data<uint8_t>();
    std::transform(own, own + tensor.bytes(), own, [](uint8_t b) { return b != 0; });
  }
  return tensor;
}

Tensor from_raw_data(onnx::TensorProto& proto, DType dtype, Shape shape) {
  std::shared_ptr<std::string> owner(proto.release_raw_data());
  const char* data = owner->data();
  return as_tensor(dtype, std::move(shape), std::move(owner), data);
}

uint64_t parse_number(const onnx::StringStringEntryProto& entry) {
  const std::string& text = entry.value();
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(cat("its external data have the ", entry.key(), " ", quoted(text),
                    ", need a number of bytes"));
  return value;
}

struct ExternalRange {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

ExternalRange external_range(const onnx::TensorProto& proto) {
  ExternalRange range;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location")
      range.location = entry.value();
    else if (entry.key() == "offset")
      range.offset = parse_number(entry);
    else if (entry.key() == "length")
      range.length = parse_number(entry);
  }
  if (range.location.empty()) throw Error("its data are external, but no file is named");
  return range;
}

std::string tensor_name(const std::string& name) {
  return name.empty() ? "a tensor without a name" : "tensor " + quoted(name);
}

// Position in the dense tensor of the k-th element of a sparse one: a flat index or one index per
// axis.
int64_t dense_position(const Tensor& indices, const Shape& shape, int64_t k, int64_t count) {
  if (indices.shape().size() == 1) {
    const int64_t flat = indices.as_int(k);
    if (flat < 0 || flat >= count)
      throw Error(cat("index ", flat, " is out of range for ", count, " elements"));
    return flat;
  }
  int64_t flat = 0;
  const auto rank = static_cast<int64_t>(shape.size());
  for (int64_t a = 0; a < rank; ++a) {
    const int64_t index = indices.as_int(k * rank + a), size = shape[static_cast<size_t>(a)];
    if (index < 0 || index >= size)
      throw Error(cat("index ", index, " is out of range for axis ", a, " of ", size));
    flat = flat * size + index;
  }
  return flat;
}

void check_indices(const Tensor& values, const Tensor& indices, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t count = values.size();
  if (values.shape().size() != 1)
    throw Error(cat("its values have ", values.shape().size(), " axes, need 1"));
  if (indices.dtype() != DType::i64)
    throw Error(cat("its indices are ", name_of(indices.dtype()), ", need i64"));
  if (indices.shape() != Shape{count} && indices.shape() != Shape{count, rank})
    throw Error(cat("its indices are ", type_of(indices), ", need i64[", count, "] or i64[", count,
                    ",", rank, "]"));
}

}  // namespace

std::optional<DType> dtype_of_onnx(int data_type) {
  for (DType dtype : kAllDTypes)
    if (static_cast<int>(dtype) == data_type) return dtype;
  return std::nullopt;
}

std::string onnx_type_name(int data_type) {
  if (!onnx::TensorProto_DataType_IsValid(data_type)) return cat("number ", data_type);
  std::string name = onnx::TensorProto_DataType_Name(data_type);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

// The tensor's shape; its bytes are known to fit a size_t.
template <typename Sizes>
Shape TensorReader::shape_of(const Sizes& dims, DType dtype) const {
  if (dims.size() > limits_.rank)
    throw Error(cat("has ", dims.size(), " axes, the limit is ", limits_.rank), Fault::limit);
  int64_t bytes = static_cast<int64_t>(size_of(dtype));
  for (int64_t d : dims) {
    if (d < 0) throw Error(cat("has the negative size ", d));
    // A zero elsewhere makes it empty, and must not hide an overflow.
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(d, 1), &bytes))
      throw Error("has a shape of more than 2^63 bytes");
  }
  return {dims.begin(), dims.end()};
}

Tensor TensorReader::read(onnx::TensorProto& proto) {
  auto it = known_.find(&proto);
  if (it != known_.end()) return it->second;
  try {
    return known_.emplace(&proto, read_new(proto)).first->second;
  } catch (const Error& e) {
    throw Error(cat(tensor_name(proto.name()), ": ", e.message()), e.fault());
  }
}

Tensor TensorReader::read_new(onnx::TensorProto& proto) {
  const std::optional<DType> dtype = dtype_of_onnx(proto.data_type());
  if (!dtype)
    throw Error(cat("the element type ", onnx_type_name(proto.data_type()), " is not supported"));
  if (proto.has_segment()) throw Error("is stored in segments, which is not supported");
  Shape shape = shape_of(proto.dims(), *dtype);
  const int64_t count = element_count(shape);
  const auto bytes = static_cast<size_t>(packed_bytes(*dtype, count));
  if (*dtype == DType::string && (proto.has_raw_data() || proto.data_location() == onnx::TensorProto::EXTERNAL))
    throw Error("is of strings, whose elements stand in string_data and nowhere else");
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return external(proto, *dtype, std::move(shape), bytes);

  const TypedField field = typed_field(proto, *dtype);
  if (proto.has_raw_data() && !(proto.raw_data().empty() && typed_elements(proto) > 0)) {
    if (typed_elements(proto) > 0)
      throw Error("has its data twice, in raw_data and in a typed field");
    if (proto.raw_data().size() != bytes)
      throw Error(cat("raw_data has ", proto.raw_data().size(), " bytes, ",
                      Type{*dtype, to_dims(shape)}, " needs ", bytes));
    return from_raw_data(proto, *dtype, std::move(shape));
  }
  if (typed_elements(proto) != field.count)
    throw Error(cat("has data in a field that is not for ", name_of(*dtype), ", need ", field.name,
                    " or raw_data"));
  // Each entry holds as many packed elements as a byte does.
  const int64_t entries = is_packed_in_files(*dtype) ? static_cast<int64_t>(bytes) : is_complex(*dtype) ? 2 * count : count;
  if (field.count != entries)
    throw Error(cat(field.name, " has ", field.count, " elements, ", Type{*dtype, to_dims(shape)},
                    " needs ", entries));
  return count == 0 ? Tensor(*dtype, std::move(shape))
                    : from_typed_field(proto, *dtype, std::move(shape));
}

Tensor TensorReader::external(const onnx::TensorProto& proto, DType dtype, Shape shape,
                              size_t bytes) {
  const ExternalRange range = external_range(proto);
  if (!folder_)
    throw Error(cat("its data are in the external file ", quoted(range.location),
                    ", and this model has no folder"));
  std::shared_ptr<const MappedFile>& file = files_[range.location];
  if (!file) file = MappedFile::open_below(*folder_, range.location);
  const std::string_view all = file->bytes();
  if (range.length && *range.length != bytes)
    throw Error(cat("its external data have ", *range.length, " bytes, ",
                    Type{dtype, to_dims(shape)}, " needs ", bytes));
  if (range.offset > all.size() || all.size() - range.offset < bytes)
    throw Error(cat("its external data are bytes ", range.offset, " to ", range.offset, " + ",
                    bytes, " of ", quoted(range.location), ", which has ", all.size()));
  if (bytes == 0) return Tensor(dtype, std::move(shape));
  return as_tensor(dtype, std::move(shape), file, all.data() + range.offset);
}

Tensor TensorReader::read(onnx::SparseTensorProto& proto) {
  auto it = known_.find(&proto);
  if (it != known_.end()) return it->second;
  try {
    return known_.emplace(&proto, read_new(proto)).first->second;
  } catch (const Error& e) {
    throw Error(cat("sparse ", tensor_name(proto.values().name()), ": ", e.message()), e.fault());
  }
}

Tensor TensorReader::read_new(onnx::SparseTensorProto& proto) {
  const Tensor values = read(*proto.mutable_values());
  const Tensor indices = read(*proto.mutable_indices());
  const Shape shape = shape_of(proto.dims(), values.dtype());
  check_indices(values, indices, shape);
  const int64_t count = element_count(shape), width = static_cast<int64_t>(size_of(values.dtype()));
  if (count * width > limits_.sparse_bytes - sparse_bytes_)
    throw Error(cat("needs ", count * width, " bytes written out, and the limit is ",
                    limits_.sparse_bytes, " for all sparse tensors"),
                Fault::limit);
  sparse_bytes_ += count * width;
  Tensor dense(values.dtype(), shape);
  char* out = static_cast<char*>(dense.mutable_raw());
  const char* in = static_cast<const char*>(values.raw());
  for (int64_t k = 0; k < values.size(); ++k)
    std::memcpy(out + dense_position(indices, shape, k, count) * width, in + k * width,
                static_cast<size_t>(width));
  return dense;
}

}  // namespace cnnc
