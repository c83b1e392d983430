// The type of a Value: an element type and the sizes of its axes.
#pragma once
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/dim.h"
#include "runtime/tensor.h"

namespace cnnc {

using Dims = std::vector<Dim>;

struct Type {
  DType dtype = DType::f32;
  Dims dims;

  int rank() const { return static_cast<int>(dims.size()); }
  bool is_static() const;
  // The sizes as numbers; throws Error when one is symbolic.
  Shape shape() const;
  Dim element_count() const;
  Dim bytes() const { return element_count() * static_cast<int64_t>(size_of(dtype)); }
  // "f32[batch,3,224,224]"
  std::string str() const;

  friend bool operator==(const Type&, const Type&) = default;
};

Type type_of(const Tensor& tensor);
Dim product(const Dims& dims);
Dims to_dims(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Type& type);

}  // namespace cnnc
