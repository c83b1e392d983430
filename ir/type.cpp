#include "ir/type.h"

#include <algorithm>
#include <ostream>

#include "ir/error.h"

namespace cnnc {

bool Type::is_static() const {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.is_const(); });
}

Shape Type::shape() const {
  Shape shape;
  for (const Dim& d : dims) {
    if (!d.is_const()) throw Error(cat("size ", d, " of ", *this, " is not known"));
    shape.push_back(d.value());
  }
  return shape;
}

Dim Type::element_count() const { return product(dims); }

std::string Type::str() const {
  std::string out(name_of(dtype));
  out += "[";
  for (size_t i = 0; i < dims.size(); ++i) out += (i ? "," : "") + dims[i].str();
  return out + "]";
}

Type type_of(const Tensor& tensor) { return {tensor.dtype(), to_dims(tensor.shape())}; }

Dim product(const Dims& dims) {
  Dim count = 1;
  for (const Dim& d : dims) count = count * d;
  return count;
}

Dims to_dims(const Shape& shape) { return Dims(shape.begin(), shape.end()); }

std::ostream& operator<<(std::ostream& out, const Type& type) { return out << type.str(); }

}  // namespace cnnc
