// Operators that reorder or repeat elements.
#include <algorithm>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// Where each axis of the result comes from; reversed when not given.
std::vector<int> permutation(const OpContext& c) {
  if (!c.has_attribute("perm")) {
    std::vector<int> reversed;
    for (int a = c.rank(); a-- > 0;) reversed.push_back(a);
    return reversed;
  }
  const Ints perm = c.integers("perm");
  c.require(static_cast<int>(perm.size()) == c.rank(), "perm has ", perm.size(),
            " axes, but the operand is ", c.type());
  return c.axes(perm, c.rank());
}

CNNC_OP(Transpose)
    .doc("Axis k of the result is axis perm[k] of the operand; without perm the axes are reversed.")
    .onnx({1, 13, 21, 23, 24, 25})
    .input("data")
    .optional_attribute("perm", Ints{})
    .infer([](const OpContext& c) -> std::vector<Type> {
      Type result{c.dtype(), {}};
      for (int a : permutation(c)) result.dims.push_back(c.dims()[static_cast<size_t>(a)]);
      return {result};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const std::vector<int> perm = permutation(c);
      Scalars source(at.size());
      for (size_t k = 0; k < perm.size(); ++k) source[static_cast<size_t>(perm[k])] = at[k];
      return c.load(0, source);
    })
    .gradient([](GradientBuilder& g) {
      const std::vector<int> perm = permutation(g.context());
      Ints back(perm.size());
      for (size_t k = 0; k < perm.size(); ++k)
        back[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
      g.wrt(0, g.make("Transpose", {g.out_grad()}, {{"perm", back}}));
    })
    .example({random(f32, {2, 3, 4})})
    .example({random(f32, {2, 3, 4, 5})}, {{"perm", Ints{0, 2, 3, 1}}})
    .example({random(f32, {2, 21, 3, 37})}, {{"perm", Ints{3, 0, 2, 1}}})
    .example({random(f64, {19, 2, 34})}, {{"perm", Ints{2, 1, 0}}})
    .example({random(i8, {40, 67}, 0, 99)}, {{"perm", Ints{1, 0}}})
    .example({random(f16, {})})
    .example({random(f8e4m3fn, {2, 3, 4})});

CNNC_OP(Expand)
    .doc("The operand broadcast with a shape: axes of size 1 are repeated.")
    .onnx({8, 13})
    .input("input")
    .input("shape", {i64}, "")
    .infer([](const OpContext& c) -> std::vector<Type> {
      Dims dims = c.dims(), shape = c.need_content(1);
      if (dims.size() < shape.size()) dims.insert(dims.begin(), shape.size() - dims.size(), 1);
      if (shape.size() < dims.size()) shape.insert(shape.begin(), dims.size() - shape.size(), 1);
      for (size_t a = 0; a < dims.size(); ++a) {
        const std::optional<Dim> joined = broadcast(dims[a], shape[a]);
        c.require(joined.has_value(), c.type(), " does not broadcast with the shape ",
                  Type{i64, shape});
        dims[a] = *joined;
      }
      return {{c.dtype(), dims}};
    })
    .indexed([](const OpContext& c, const Scalars& at) { return c.load_broadcast(0, at); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .example({random(f32, {3, 1}), given(Tensor::ints({2, 1, 4}))})
    .example({random(i64, {2, 3}, 0, 9), given(Tensor::ints({1}))})
    .example({random(boolean, {}, 0, 2), given(Tensor::ints({2, 2}))});

// Tile-1 repeats one axis only.
void legacy_tile(OnnxNode& node) {
  if (node.inputs.size() != 3) return;
  const auto tiles = node.inputs[1]->known_ints(), axis = node.inputs[2]->known_ints();
  if (!tiles || !axis || tiles->size() != 1 || axis->size() != 1)
    throw Error("Tile: tiles and axis need to be constants of one element");
  const int rank = node.inputs[0]->rank();
  if ((*axis)[0] < 0 || (*axis)[0] >= rank)
    throw Error(cat("Tile: axis ", (*axis)[0], " is out of range for ", rank, " axes"));
  Ints repeats(static_cast<size_t>(rank), 1);
  repeats[static_cast<size_t>((*axis)[0])] = (*tiles)[0];
  node.inputs = {node.inputs[0], node.graph.constant(Tensor::ints(repeats))};
}

// Each axis as [repeats, size], summed over the repeats.
void tile_gradient(GradientBuilder& g) {
  Value* x = g.input(0);
  std::vector<Value*> sizes;
  Ints repeats;
  for (int a = 0; a < x->rank(); ++a) {
    const int64_t from = a;
    repeats.push_back(2 * from);
    sizes.push_back(g.make("Slice", {g.input(1), g.ints({from}), g.ints({from + 1})}));
    sizes.push_back(size_operand(g.graph(), x, a));
  }
  if (sizes.empty()) return g.wrt(0, g.out_grad());
  Value* shape = g.make("Concat", sizes, {{"axis", int64_t{0}}});
  Value* split = g.make("Reshape", {g.out_grad(), shape}, {{"allowzero", int64_t{1}}});
  g.wrt(0, g.make("ReduceSum", {split, g.ints(repeats)}, {{"keepdims", int64_t{0}}}));
}

CNNC_OP(Tile)
    .doc("The operand repeated along each axis.")
    .onnx({1, 6, 13})
    .onnx_upgrade(5, legacy_tile)
    .input("input")
    .input("repeats", {i64}, "")
    .infer([](const OpContext& c) -> std::vector<Type> {
      const Dims repeats = c.need_content(1);
      c.require(static_cast<int>(repeats.size()) == c.rank(), "has ", repeats.size(),
                " repeats for ", c.type());
      Type result = c.type();
      for (size_t a = 0; a < repeats.size(); ++a) result.dims[a] = result.dims[a] * repeats[a];
      return {result};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      Scalars source = at;
      for (size_t a = 0; a < at.size(); ++a)
        if (!(c.dims()[a] == c.output_type().dims[a]))
          source[a] = rem(at[a], Scalar::size(c.dims()[a]));
      return c.load(0, source);
    })
    .gradient(tile_gradient)
    .example({random(f32, {2, 3}), given(Tensor::ints({2, 1}))})
    .example({random(i32, {2, 1, 3}, 0, 9), given(Tensor::ints({1, 3, 2}))})
    .example({random(f16, {2}), given(Tensor::ints({0}))});

// blocksize and the three axes that follow the batch axis.
int64_t block_size(const OpContext& c) {
  const int64_t block = c.integer("blocksize");
  const std::string& mode = c.text("mode");
  c.require(c.rank() == 4, "input is ", c.type(), ", need 4 axes");
  c.require(block >= 1, "blocksize is ", block, ", need at least 1");
  c.require(mode == "DCR" || mode == "CRD", "mode is ", quoted(mode), ", need DCR or CRD");
  return block;
}

void require_multiple(const OpContext& c, int axis, int64_t factor) {
  const Dim& size = c.dims()[static_cast<size_t>(axis)];
  c.require(!size.is_const() || size.value() % factor == 0, "axis ", axis, " of ", c.type(),
            " is no multiple of ", factor);
}

// Which of the block_size^2 x depth channels holds position (row, column) of a block: the depth
// runs fastest in DCR order and slowest in CRD order.
Scalar blocked_channel(const OpContext& c, const Scalar& depth, const Scalar& row,
                       const Scalar& column, const Dim& depths) {
  const Scalar block = Scalar::i64(c.integer("blocksize"));
  const Scalar place = row * block + column;
  return c.text("mode") == "DCR" ? place * Scalar::size(depths) + depth
                                 : depth * (block * block) + place;
}

CNNC_OP(DepthToSpace)
    .doc(
        "Channels moved into blocks of blocksize x blocksize pixels; `mode` tells how channels are "
        "ordered.")
    .onnx({1, 11, 13, 28})
    .input("input")
    .required_attribute("blocksize", 1)
    .attribute("mode", "DCR")
    .infer([](const OpContext& c) -> std::vector<Type> {
      const int64_t block = block_size(c);
      require_multiple(c, 1, block * block);
      const Dims& d = c.dims();
      return {{c.dtype(), {d[0], Dim::floor_div(d[1], block * block), d[2] * block, d[3] * block}}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const Scalar block = Scalar::i64(c.integer("blocksize"));
      const Scalar channel =
          blocked_channel(c, at[1], rem(at[2], block), rem(at[3], block), c.output_type().dims[1]);
      return c.load(0, {at[0], channel, at[2] / block, at[3] / block});
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("SpaceToDepth", {g.out_grad()}, g.node().attributes()));
    })
    .example({random(f32, {2, 8, 2, 3})}, {{"blocksize", 2}})
    .example({random(f32, {1, 18, 2, 1})}, {{"blocksize", 3}, {"mode", "CRD"}});

CNNC_OP(SpaceToDepth)
    .doc(
        "Blocks of blocksize x blocksize pixels moved into channels; `mode` tells how channels are "
        "ordered.")
    .onnx({1, 13, 28})
    .input("input")
    .required_attribute("blocksize", 1)
    .attribute("mode", "DCR")
    .infer([](const OpContext& c) -> std::vector<Type> {
      const int64_t block = block_size(c);
      require_multiple(c, 2, block);
      require_multiple(c, 3, block);
      const Dims& d = c.dims();
      return {{c.dtype(),
               {d[0], d[1] * (block * block), Dim::floor_div(d[2], block),
                Dim::floor_div(d[3], block)}}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const Scalar block = Scalar::i64(c.integer("blocksize"));
      const Scalar depths = Scalar::size(c.dims()[1]), places = block * block;
      const bool depth_fastest = c.text("mode") == "DCR";
      const Scalar depth = depth_fastest ? rem(at[1], depths) : at[1] / places;
      const Scalar place = depth_fastest ? at[1] / depths : rem(at[1], places);
      return c.load(
          0, {at[0], depth, at[2] * block + place / block, at[3] * block + rem(place, block)});
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("DepthToSpace", {g.out_grad()}, g.node().attributes()));
    })
    .example({random(f32, {2, 2, 4, 6})}, {{"blocksize", 2}})
    .example({random(i16, {1, 3, 3, 6}, 0, 99)}, {{"blocksize", 3}, {"mode", "CRD"}});

}  // namespace
}  // namespace cnnc
