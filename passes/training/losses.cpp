#include "passes/training/losses.h"

#include "ir/error.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {

// Keras's limit of probabilities.
constexpr double kLeastProbability = 1e-7;

// Builds the losses of the elements over which the mean is taken.
class LossBuilder {
 public:
  LossBuilder(Graph& graph, const LossOptions& options, Value* output, Value* labels)
      : g_(graph), options_(options), z_(output), labels_(labels) {}

  Value* elements() {
    switch (options_.loss) {
      case Loss::sparse_categorical_crossentropy:
        return sparse_cross_entropy();
      case Loss::categorical_crossentropy:
        return cross_entropy(smoothed(target(), classes()), -1);
      case Loss::binary_crossentropy:
        return mean(binary_cross_entropy(smoothed(target(), 2)));
      case Loss::mse: {
        Value* e = make("Sub", {z_, target()});
        return mean(make("Mul", {e, e}));
      }
      case Loss::mae:
        return mean(make("Abs", {make("Sub", {z_, target()})}));
      case Loss::huber:
        return mean(huber(make("Sub", {z_, target()})));
      case Loss::hinge: {
        // Labels 0 and 1 mean -1 and 1.
        Value* sign = make("Sub", {make("Mul", {target(), number(2)}), number(1)});
        return mean(make("Relu", {make("Sub", {number(1), make("Mul", {sign, z_})})}));
      }
      case Loss::kl_divergence: {
        Value* t = limited(target(), 1);
        Value* ratio = make("Log", {make("Div", {t, limited(z_, 1)})});
        return sum(make("Mul", {t, ratio}), -1);
      }
    }
    return nullptr;
  }

 private:
  Value* make(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return g_.make(op, std::move(inputs), std::move(attributes));
  }
  Value* number(double value) { return number_like(g_, z_, value); }
  Value* target() { return converted(g_, labels_, z_->dtype()); }

  Value* sum(Value* x, int64_t axis) {
    return make("ReduceSum", {x, g_.constant(Tensor::ints({axis}))}, {{"keepdims", int64_t{0}}});
  }
  Value* mean(Value* x) {
    return make("ReduceMean", {x, g_.constant(Tensor::ints({-1}))}, {{"keepdims", int64_t{0}}});
  }

  int64_t classes() const { return z_->dim(z_->rank() - 1).value(); }

  // p limited to [1e-7, high]; with high = 1 there is no upper limit to speak of.
  Value* limited(Value* p, double high) {
    return make("Clip", {p, number(kLeastProbability), number(high)});
  }

  Value* smoothed(Value* t, int64_t classes) {
    const double s = options_.label_smoothing;
    if (s == 0) return t;
    return make("Add", {make("Mul", {t, number(1 - s)}), number(s / static_cast<double>(classes))});
  }

  // The logarithm of the probabilities of the classes, which lie on `axis`.
  Value* log_probabilities(int64_t axis) {
    if (!options_.from_probabilities) return make("LogSoftmax", {z_}, {{"axis", axis}});
    Value* p = make("Div", {z_, reduced(g_, "ReduceSum", z_, {axis})});
    return make("Log", {limited(p, 1 - kLeastProbability)});
  }

  Value* cross_entropy(Value* t, int64_t axis) {
    return make("Neg", {sum(make("Mul", {t, log_probabilities(axis)}), axis)});
  }

  // Labels number the classes of the axis that they lack.
  Value* sparse_cross_entropy() {
    const Dims& output = z_->type().dims;
    Dims without_last(output.begin(), output.end() - 1);
    const int64_t axis = labels_->type().dims == without_last ? z_->rank() - 1 : 1;
    const int64_t count = output[static_cast<size_t>(axis)].value();
    Ints numbers;
    for (int64_t i = 0; i < count; ++i) numbers.push_back(i);
    Shape places(static_cast<size_t>(z_->rank()), 1);
    places[static_cast<size_t>(axis)] = count;
    Value* label = make("Unsqueeze", {converted(g_, labels_, DType::i32),
                                      g_.constant(Tensor::ints({axis}))});
    Tensor classes(DType::i32, places);
    for (int64_t i = 0; i < count; ++i) classes.set_int(i, i);
    Value* is_label = make("Equal", {label, g_.constant(std::move(classes))});
    return cross_entropy(smoothed(converted(g_, is_label, z_->dtype()), count), axis);
  }

  Value* binary_cross_entropy(Value* t) {
    if (!options_.from_probabilities)
      return make("Sub", {make("Softplus", {z_}), make("Mul", {t, z_})});
    Value* p = limited(z_, 1 - kLeastProbability);
    Value* yes = make("Mul", {t, make("Log", {p})});
    Value* no = make("Mul", {make("Sub", {number(1), t}), make("Log", {make("Sub", {number(1), p})})});
    return make("Neg", {make("Add", {yes, no})});
  }

  // e^2 / 2 up to 1, a line beyond.
  Value* huber(Value* e) {
    Value* size = make("Abs", {e});
    Value* square = make("Mul", {number(0.5), make("Mul", {e, e})});
    Value* line = make("Sub", {size, number(0.5)});
    return make("Where", {make("LessOrEqual", {size, number(1)}), square, line});
  }

  Graph& g_;
  const LossOptions& options_;
  Value* z_;
  Value* labels_;
};

[[noreturn]] void refuse(const Type& output, const Type& given, const std::string& need) {
  throw Error(cat("the labels are ", given, " and the model's output is ", output, "; need ", need),
              Fault::usage);
}

Dims without_axis(Dims dims, size_t axis) {
  dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
  return dims;
}

Type sparse_labels(const Type& output, const Type& given) {
  if (output.rank() < 2 || !is_int(given.dtype))
    refuse(output, given, "integers that number the classes, one for each row of the output");
  const Dims last = without_axis(output.dims, static_cast<size_t>(output.rank() - 1));
  const Dims second = without_axis(output.dims, 1);
  if (given.dims == last || given.dims == second) return given;
  // Keras takes a column too.
  Dims column = last;
  column.push_back(1);
  if (given.dims == column) return {given.dtype, last};
  refuse(output, given, cat("one class for each row, ", Type{given.dtype, last}));
}

}  // namespace

Type label_type(const LossOptions& options, const Type& output, const Type& given) {
  if (!is_float(output.dtype))
    throw Error(cat("the model's output is ", output, ", need floats to compute a loss"),
                Fault::usage);
  if (options.loss == Loss::sparse_categorical_crossentropy) return sparse_labels(output, given);
  if (output.rank() < 1) refuse(output, given, "an output with at least one axis");
  if (given.dims == output.dims) return given;
  // [N] for an output [N, 1], and the other way round.
  if (product(given.dims) == product(output.dims) && given.dims[0] == output.dims[0])
    return {given.dtype, output.dims};
  refuse(output, given, "labels of the output's shape");
}

Value* loss_of(Graph& g, const LossOptions& options, Value* output, Value* labels,
               Value* weights) {
  Value* loss = LossBuilder(g, options, output, labels).elements();
  if (weights && loss->rank() > 1) {
    Ints axes;
    for (int a = 1; a < loss->rank(); ++a) axes.push_back(a);
    weights = g.make("Unsqueeze", {weights, g.constant(Tensor::ints(axes))});
  }
  if (weights) loss = g.make("Mul", {loss, weights});
  return g.make("ReduceMean", {loss}, {{"keepdims", int64_t{0}}});
}

}  // namespace cnnc
