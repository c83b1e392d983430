// Sizes as data.
#include <algorithm>

#include "ir/op_def.h"

namespace cnnc {
namespace {
using enum DType;

// The axes whose sizes Shape gives: [start, end), limited to the operand's.
std::pair<int64_t, int64_t> shape_range(const OpContext& c) {
  const int64_t rank = c.rank();
  const auto limited = [&](int64_t a) {
    return std::clamp<int64_t>(a < 0 ? a + rank : a, 0, rank);
  };
  const int64_t start = limited(c.integer("start"));
  const int64_t end = c.has_attribute("end") ? limited(c.integer("end")) : rank;
  return {start, std::max(start, end)};
}

CNNC_OP(Shape)
    .doc("The sizes of the axes from `start` to before `end`; negative ones count from the end.")
    .onnx({1, 13, 15, 19, 21, 23, 24, 25})
    .input("data")
    .attribute("start", 0)
    .optional_attribute("end", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const auto [start, end] = shape_range(c);
      return {{i64, {end - start}}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const auto [start, end] = shape_range(c);
      Scalar size = Scalar::i64(0);
      for (int64_t a = end; a-- > start;) {
        const Scalar own = Scalar::size(c.dims()[static_cast<size_t>(a)]);
        size = a == end - 1 ? own : select(at[0] == Scalar::i64(a - start), own, size);
      }
      return size;
    })
    .example({random(f32, {2, 3, 4})})
    .example({random(i8, {2, 3, 4}, 0, 9)}, {{"start", -2}})
    .example({random(f16, {2, 3, 4})}, {{"start", 1}, {"end", -1}})
    .example({random(f32, {})});

CNNC_OP(Size)
    .doc("The number of elements.")
    .onnx({1, 13, 19, 21, 23, 24, 25})
    .input("data")
    .infer([](const OpContext&) -> std::vector<Type> {
      return {{i64, {}}};
    })
    .indexed([](const OpContext& c, const Scalars&) { return Scalar::size(product(c.dims())); })
    .example({random(f32, {2, 3, 4})})
    .example({random(boolean, {}, 0, 2)});

}  // namespace
}  // namespace cnnc
