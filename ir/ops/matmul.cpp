// Matrix products: MatMul, Gemm, MatMulInteger.
#include "runtime/kernels/matmul.h"

#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/packed_weights.h"

namespace cnnc {
namespace {

// ---- MatMul
// ----------------------------------------------------------------------------------------------------------

// The sizes of a product of batches of matrices; vectors are matrices of one row or one column.
struct Product {
  Dims a, b;  // logical sizes of the operands, transposition undone: [batch..., m, k] and
              // [batch..., k, n]
  bool a_vector = false, b_vector = false;
  Dims batch;

  const Dim& m() const { return a[a.size() - 2]; }
  const Dim& k() const { return a.back(); }
  const Dim& n() const { return b.back(); }
};

bool transposes(const OpContext& c, std::string_view attribute) {
  return c.node().attribute(attribute) != nullptr && c.integer(attribute) != 0;
}

// Sizes of one operand as a batch of matrices.
Dims matrix_sizes(const OpContext& c, Dims dims, bool transposed, bool left, const char* name) {
  c.require(!dims.empty(), name, " has no axes, need at least one");
  if (dims.size() == 1) {
    c.require(!transposed, name, " is a vector and cannot be transposed");
    dims.insert(left ? dims.begin() : dims.end(), 1);
  } else if (transposed) {
    std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  }
  return dims;
}

Dims weight_shape(const OpContext& c) {
  const Dims dims = to_dims(c.integers("weight_shape"));
  c.require(dims.size() == 2 && !transposes(c, "transB"),
            "packed weights need a weight_shape of 2 sizes and no transB");
  return dims;
}

Product product_of(const OpContext& c, const Dims& a, const Dims& b) {
  Product p;
  p.a = matrix_sizes(c, a, transposes(c, "transA"), true, "A");
  p.b = matrix_sizes(c, b, transposes(c, "transB"), false, "B");
  p.a_vector = a.size() == 1;
  p.b_vector = b.size() == 1;
  require_equal(c, p.k(), cat("the last axis of A ", Type{c.dtype(0), a}), p.b[p.b.size() - 2],
                cat("the matching axis of B ", Type{c.dtype(1), b}));
  const size_t rank = std::max(p.a.size(), p.b.size()) - 2;
  for (size_t i = 0; i < rank; ++i) {
    const auto size = [&](const Dims& d) {
      return i + d.size() < rank + 2 ? Dim(1) : d[i + d.size() - rank - 2];
    };
    const std::optional<Dim> joined = broadcast(size(p.a), size(p.b));
    c.require(joined.has_value(), "batch axes of A ", Type{c.dtype(0), a}, " and B ",
              Type{c.dtype(1), b}, " do not broadcast");
    p.batch.push_back(*joined);
  }
  return p;
}

Product product_of(const OpContext& c) {
  return product_of(c, c.dims(0), c.has_attribute("weight_shape") ? weight_shape(c) : c.dims(1));
}

std::vector<Type> matmul_type(const OpContext& c) {
  const Product p = product_of(c);
  Dims dims = p.batch;
  if (!p.a_vector) dims.push_back(p.m());
  if (!p.b_vector) dims.push_back(p.n());
  return {{c.dtype(), std::move(dims)}};
}

// Batch indices of an operand whose batch axes broadcast to the output's.
Scalars batch_indices(const Dims& matrices, const Dims& batch) {
  Scalars indices;
  const size_t rank = matrices.size() - 2, offset = batch.size() - rank;
  for (size_t i = 0; i < rank; ++i) {
    const Scalar own = Scalar::index(static_cast<int>(offset + i));
    if (matrices[i] == 1)
      indices.push_back(Scalar::i64(0));
    else if (matrices[i] == batch[offset + i])
      indices.push_back(own);
    else
      indices.push_back(select(Scalar::size(matrices[i]) == Scalar::i64(1), Scalar::i64(0), own));
  }
  return indices;
}

Scalar load_matrix(const OpContext& c, size_t operand, Scalars batch, const Scalar& row,
                   const Scalar& column, bool vector, bool transposed) {
  if (vector) return load_for_sum(c, operand, {operand == 0 ? column : row});
  batch.push_back(transposed ? column : row);
  batch.push_back(transposed ? row : column);
  return load_for_sum(c, operand, std::move(batch));
}

Computation matmul_computation(const OpContext& c, int) {
  const Product p = product_of(c);
  const int rank = c.output_type().rank(), batch = static_cast<int>(p.batch.size());
  const Scalar row = Scalar::index(batch), column = Scalar::index(batch + (p.a_vector ? 0 : 1)),
               k = Scalar::index(rank);
  const Scalar a =
      load_matrix(c, 0, batch_indices(p.a, p.batch), row, k, p.a_vector, transposes(c, "transA"));
  const Scalar b =
      c.has_attribute("weight_shape")
          ? load_for_sum(c, 1, panels_of(c, 1, p.n(), p.k(), 1).place(column, k, Scalar::i64(0)))
          : load_matrix(c, 1, batch_indices(p.b, p.batch), k, column, p.b_vector,
                        transposes(c, "transB"));
  return sum_of(c, {p.k()}, a * b);
}

// Where the matrix of each batch starts, in elements, for an operand broadcast to `batch`.
std::vector<int64_t> matrix_offsets(const Dims& matrices, const Shape& batch) {
  const size_t rank = matrices.size() - 2, offset = batch.size() - rank;
  std::vector<int64_t> offsets;
  for (int64_t flat = 0; flat < element_count(batch); ++flat) {
    int64_t rest = flat, position = 0, stride = matrices[rank].value() * matrices[rank + 1].value();
    for (size_t i = batch.size(); i-- > 0; rest /= batch[i]) {
      if (i < offset) continue;
      const int64_t size = matrices[i - offset].value();
      if (size != 1) position += rest % batch[i] * stride;
      stride *= size;
    }
    offsets.push_back(position);
  }
  return offsets;
}

MatrixStrides strides(int64_t rows, int64_t columns, bool transposed) {
  return transposed ? MatrixStrides{1, rows} : MatrixStrides{columns, 1};
}

template <typename T>
Tensor run_matmul(const OpContext& c, const Product& p, const Tensor& a, const Tensor& b,
                  Shape shape, bool b_rows) {
  Tensor result(a.dtype(), std::move(shape));
  const int64_t m = p.m().value(), n = p.n().value(), k = p.k().value();
  const auto a_strides = strides(m, k, transposes(c, "transA"));
  const auto b_strides = strides(k, n, b_rows || transposes(c, "transB"));
  const Shape batch = Type{DType::i64, p.batch}.shape();
  const auto a_offsets = matrix_offsets(p.a, batch), b_offsets = matrix_offsets(p.b, batch);
  T* to = result.mutable_data<T>();
  for (size_t i = 0; i < a_offsets.size(); ++i)
    matmul<T>(m, n, k, a.data<T>() + a_offsets[i], a_strides, b.data<T>() + b_offsets[i], b_strides,
              to + static_cast<int64_t>(i) * m * n, n);
  return result;
}

Tensor run_matmul(const OpContext& c, const Product& p, const Tensor& a, const Tensor& b,
                  const Shape& s, bool b_rows) {
  switch (a.dtype()) {
    case DType::f32:
      return run_matmul<float>(c, p, a, b, s, b_rows);
    case DType::f64:
      return run_matmul<double>(c, p, a, b, s, b_rows);
    case DType::i8:
      return run_matmul<int8_t>(c, p, a, b, s, b_rows);
    case DType::i16:
      return run_matmul<int16_t>(c, p, a, b, s, b_rows);
    case DType::i32:
      return run_matmul<int32_t>(c, p, a, b, s, b_rows);
    case DType::i64:
      return run_matmul<int64_t>(c, p, a, b, s, b_rows);
    case DType::u8:
      return run_matmul<uint8_t>(c, p, a, b, s, b_rows);
    case DType::u16:
      return run_matmul<uint16_t>(c, p, a, b, s, b_rows);
    case DType::u32:
      return run_matmul<uint32_t>(c, p, a, b, s, b_rows);
    case DType::u64:
      return run_matmul<uint64_t>(c, p, a, b, s, b_rows);
    default:
      c.fail("there is no matrix product of ", name_of(a.dtype()));
  }
}

std::vector<Tensor> matmul_kernel(const Node& node, const std::vector<const Tensor*>& operands) {
  const OpContext c(node);
  const WideOperands wide(operands);
  const bool packed = c.has_attribute("weight_shape");
  const Product p = product_of(c, to_dims(operands[0]->shape()),
                               packed ? weight_shape(c) : to_dims(operands[1]->shape()));
  if (packed) panels_of(c, 1, p.n(), p.k(), 1);
  const Tensor b = packed ? unpack_panels(*wide[1], p.n().value()) : *wide[1];
  Dims dims = p.batch;
  if (!p.a_vector) dims.push_back(p.m());
  if (!p.b_vector) dims.push_back(p.n());
  Tensor result = run_matmul(c, p, *wide[0], b, Type{DType::f32, dims}.shape(), packed);
  return {narrowed(std::move(result), operands[0]->dtype())};
}

// An operand or gradient as a matrix: a vector gets the axis that it lacks.
Value* as_matrix(const GradientBuilder& g, Value* x, bool lacks_axis, int64_t axis) {
  return lacks_axis ? g.make("Unsqueeze", {x, g.ints({axis})}) : x;
}

Value* product(const GradientBuilder& g, Value* a, bool transpose_a, Value* b, bool transpose_b) {
  return g.make("MatMul", {a, b},
                {{"transA", int64_t{transpose_a}}, {"transB", int64_t{transpose_b}}});
}

// All batches of x as the rows of one matrix.
Value* as_rows(const GradientBuilder& g, Value* x) {
  Value* columns = size_operand(g.graph(), x, x->rank() - 1);
  Value* shape = g.make("Concat", {g.ints({-1}), columns}, {{"axis", int64_t{0}}});
  return g.make("Reshape", {x, shape}, {{"allowzero", int64_t{1}}});
}

// With Y = A B: dA = dY B', dB = A' dY, and their transposes where the operand is transposed.
void matmul_gradient(GradientBuilder& g) {
  const bool ta = g.node().int_attribute("transA") != 0, tb = g.node().int_attribute("transB") != 0;
  const bool a_vector = g.input(0)->rank() == 1, b_vector = g.input(1)->rank() == 1;
  Value* a = as_matrix(g, g.input(0), a_vector, 0);
  Value* b = as_matrix(g, g.input(1), b_vector, 1);
  Value* dy = as_matrix(g, as_matrix(g, g.out_grad(), b_vector, -1), a_vector, -2);
  if (g.wants(0)) g.wrt(0, ta ? product(g, b, tb, dy, true) : product(g, dy, false, b, !tb));
  if (!g.wants(1)) return;
  // One product over the rows of all batches needs no sum over batches afterwards.
  if (b->rank() == 2 && a->rank() > 2 && !ta) a = as_rows(g, a), dy = as_rows(g, dy);
  Value* db = tb ? product(g, dy, true, a, ta) : product(g, a, !ta, dy, false);
  g.wrt(1, b_vector ? g.make("Squeeze", {db, g.ints({-1})}) : db);
}

CNNC_OP(MatMul)
    .doc(
        "Matrix product over the last two axes; the axes before them broadcast. A vector on the "
        "left is one row and on "
        "the right one column, and the result lacks that axis. transA and transB swap the last two "
        "axes of an operand. "
        "With weight_shape = [K, N] the right operand is packed, see PackPanels.")
    .onnx({1, 9, 13})
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .output("Y")
    .attribute("transA", int64_t{0})
    .attribute("transB", int64_t{0})
    .optional_attribute("weight_shape", Ints{})
    .infer(matmul_type)
    .compute(matmul_computation)
    .kernel(matmul_kernel)
    .gradient(matmul_gradient)
    .example({random(DType::f32, {2, 3, 4}), random(DType::f32, {4, 5})})
    .example({random(DType::f64, {3, 1, 2, 4}), random(DType::f64, {2, 4, 3})})
    .example({random(DType::f32, {4}), random(DType::f32, {4})})
    .example({random(DType::f32, {4}), random(DType::f32, {2, 4, 3})})
    .example({random(DType::f32, {2, 3, 4}), random(DType::f32, {4})})
    .example({random(DType::f32, {2, 4, 3}), random(DType::f32, {5, 4})},
             {{"transA", int64_t{1}}, {"transB", int64_t{1}}})
    .example({random(DType::f32, {3, 5}), random(DType::f32, {1, 2, 1, 5, 4})},
             {{"weight_shape", Ints{5, 7}}})
    .example({random(DType::f32, {0, 4}), random(DType::f32, {4, 3})})
    .example({random(DType::f32, {2, 0}), random(DType::f32, {0, 3})})
    .example({random(DType::f16, {2, 4}), random(DType::f16, {4, 3})})
    .example({random(DType::bf16, {2, 4}), random(DType::bf16, {4, 3})})
    .example({random(DType::i32, {2, 4}, -9, 9), random(DType::i32, {4, 3}, -9, 9)})
    .example({random(DType::u64, {2, 4}, 0, 9), random(DType::u64, {4, 3}, 0, 9)});

// ---- Gemm
// ------------------------------------------------------------------------------------------------------------

std::vector<Type> gemm_type(const OpContext& c) {
  c.require(c.rank(0) == 2 && c.rank(1) == 2, "A ", c.type(0), " and B ", c.type(1),
            " need 2 axes each");
  const Product p = product_of(c, c.dims(0), c.dims(1));
  if (c.has(2)) {
    const Dims& bias = c.dims(2);
    const Dims result{p.m(), p.n()};
    bool fits = bias.size() <= 2;
    for (size_t i = 0; fits && i < bias.size(); ++i) {
      const std::optional<Dim> joined = broadcast(bias[i], result[2 - bias.size() + i]);
      fits = joined && (*joined == result[2 - bias.size() + i] || !joined->is_const());
    }
    c.require(fits, "C ", c.type(2), " does not broadcast to [", p.m(), ",", p.n(), "]");
  }
  return {{c.dtype(), {p.m(), p.n()}}};
}

// x * factor; integers take the product rounded towards zero.
Value* scaled(Graph& g, Value* x, double factor) {
  if (factor == 1) return x;
  const bool whole = factor == static_cast<double>(static_cast<int64_t>(factor));
  if (is_float(x->dtype()) || whole)
    return g.make("Mul", {x, g.constant(Tensor::scalar(x->dtype(), factor))});
  Value* wide = g.make("Cast", {x}, {{"to", DType::f64}});
  wide = g.make("Mul", {wide, g.constant(Tensor::scalar(DType::f64, factor))});
  return g.make("Cast", {wide}, {{"to", x->dtype()}});
}

std::vector<Value*> gemm_parts(const Node& node, Graph& g) {
  Value* y =
      g.make("MatMul", {node.input(0), node.input(1)},
             {{"transA", node.int_attribute("transA")}, {"transB", node.int_attribute("transB")}});
  y = scaled(g, y, node.float_attribute("alpha"));
  const double beta = node.float_attribute("beta");
  if (node.input(2) && beta != 0) y = g.make("Add", {y, scaled(g, node.input(2), beta)});
  return {y};
}

CNNC_OP(Gemm)
    .doc(
        "alpha A B + beta C for matrices A and B, transposed where transA and transB say so; C "
        "broadcasts.")
    .onnx({1, 6, 7, 9, 11, 13})
    .onnx_upgrade(6, [](OnnxNode& n) { n.take("broadcast"); })  // the shapes alone decide
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .optional_input("C", kNumberTypes)
    .output("Y")
    .attribute("alpha", 1.0)
    .attribute("beta", 1.0)
    .attribute("transA", int64_t{0})
    .attribute("transB", int64_t{0})
    .infer(gemm_type)
    .decompose(gemm_parts)
    .example({random(DType::f32, {2, 4}), random(DType::f32, {4, 3}), random(DType::f32, {3})})
    .example({random(DType::f32, {4, 2}), random(DType::f32, {3, 4}), random(DType::f32, {2, 1})},
             {{"alpha", 0.5}, {"beta", 0.25}, {"transA", int64_t{1}}, {"transB", int64_t{1}}})
    .example({random(DType::f64, {2, 4}), random(DType::f64, {4, 3})})
    .example({random(DType::f32, {2, 4}), random(DType::f32, {4, 3}), random(DType::f32, {})},
             {{"beta", 2.0}})
    .example({random(DType::i32, {2, 4}, -9, 9), random(DType::i32, {4, 3}, -9, 9),
              random(DType::i32, {1, 3}, -9, 9)},
             {{"alpha", 0.5}});

// ---- MatMulInteger
// ---------------------------------------------------------------------------------------------------

const DTypes kByteTypes{DType::i8, DType::u8};

std::vector<Type> matmul_integer_type(const OpContext& c) {
  const Product p = product_of(c, c.dims(0), c.dims(1));
  for (size_t i : {size_t{2}, size_t{3}})
    c.require(!c.has(i) || c.rank(i) <= c.rank(i - 2), "the zero point ",
              i == 2 ? "of A " : "of B ", c.has(i) ? c.type(i).str() : "",
              " has more axes than its matrix");
  Dims dims = p.batch;
  if (!p.a_vector) dims.push_back(p.m());
  if (!p.b_vector) dims.push_back(p.n());
  return {{DType::i32, std::move(dims)}};
}

// An operand minus its zero point, in i32. A vector of zero points of A holds one for each row.
Value* centred(const Node& node, size_t operand, Graph& g) {
  Value* x = g.make("Cast", {node.input(operand)}, {{"to", DType::i32}});
  Value* zero = node.input(operand + 2);
  if (zero == nullptr) return x;
  zero = g.make("Cast", {zero}, {{"to", DType::i32}});
  if (operand == 0 && zero->rank() == 1 && x->rank() > 1 && !(zero->dim(0) == 1))
    zero = g.make("Unsqueeze", {zero, g.constant(Tensor::ints({1}))});
  return g.make("Sub", {x, zero});
}

CNNC_OP(MatMulInteger)
    .doc(
        "Matrix product of bytes in 32-bit integers, each operand less its zero point (one number, "
        "or one for each row "
        "of A and each column of B).")
    .onnx({10})
    .input("A", kByteTypes, "T1")
    .input("B", kByteTypes, "T2")
    .optional_input("a_zero_point", kByteTypes, "T1")
    .optional_input("b_zero_point", kByteTypes, "T2")
    .output("Y")
    .infer(matmul_integer_type)
    .decompose([](const Node& node, Graph& g) -> std::vector<Value*> {
      return {g.make("MatMul", {centred(node, 0, g), centred(node, 1, g)})};
    })
    .example({random(DType::u8, {2, 4}, 0, 255), random(DType::i8, {4, 3}, -128, 127)})
    .example({random(DType::u8, {2, 4}, 0, 255), random(DType::u8, {4, 3}, 0, 255),
              given(Tensor::scalar(DType::u8, 12)),
              given(Tensor::of<uint8_t>(DType::u8, {3}, {1, 2, 3}))});

}  // namespace
}  // namespace cnnc
