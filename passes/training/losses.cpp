#include "passes/training/losses.h"

#include <cmath>
#include <map>

#include "ir/error.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {

// Keras's limit of probabilities, and those of PyTorch: of BCELoss's logarithms and added to PoissonNLLLoss's.
constexpr double kLeastProbability = 1e-7;
constexpr double kLeastLogarithm = -100;
constexpr double kPoissonEpsilon = 1e-8;
// Less than one place of any batch is of it: what a share of places is divided by when it is 0.
constexpr double kLeastShare = 1e-12;

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
        return categorical_cross_entropy();
      case Loss::categorical_focal_crossentropy:
        return categorical_focal();
      case Loss::binary_crossentropy:
        return mean(binary_cross_entropy(smoothed(target(), 2)));
      case Loss::binary_focal_crossentropy:
        return mean(binary_focal(smoothed(target(), 2)));
      case Loss::mse:
        return mean(square(error()));
      case Loss::mae:
        return mean(make("Abs", {error()}));
      case Loss::mape:
        return mean(percentage());
      case Loss::msle:
        return mean(square(make("Sub", {log_of_next(z_), log_of_next(target())})));
      case Loss::huber:
        return mean(huber(error()));
      case Loss::log_cosh:
        return mean(log_cosh(error()));
      case Loss::poisson:
        return mean(is_pytorch() ? poisson_of_pytorch() : poisson());
      case Loss::hinge:
        return mean(hinge());
      case Loss::squared_hinge:
        return mean(square(hinge()));
      case Loss::categorical_hinge:
        return categorical_hinge();
      case Loss::kl_divergence:
        return is_pytorch() ? kl_divergence_of_pytorch() : kl_divergence();
      case Loss::cosine_similarity:
        return make("Neg", {sum(make("Mul", {direction(target()), direction(z_)}), -1)});
      case Loss::dice:
        return tversky(0.5, 0.5);
      case Loss::tversky:
        return tversky(options_.alpha, options_.beta);
      case Loss::custom:
        return inlined(*options_.function, {target(), z_});
    }
    return nullptr;
  }

 private:
  Value* make(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return g_.make(op, std::move(inputs), std::move(attributes));
  }
  Value* number(double value) { return number_like(g_, z_, value); }
  bool is_pytorch() const { return options_.convention == Convention::pytorch; }
  Value* target() { return converted(g_, labels_, z_->dtype()); }
  Value* error() { return make("Sub", {z_, target()}); }
  Value* square(Value* x) { return make("Mul", {x, x}); }
  Value* scaled(Value* x, double factor) { return make("Mul", {x, number(factor)}); }
  Value* one_minus(Value* x) { return make("Sub", {number(1), x}); }

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

  // Of logits: one stable node, as is its gradient.
  Value* softmax_cross_entropy(Value* target, int64_t axis) {
    return make("SoftmaxCrossEntropy", {z_, target}, {{"axis", axis}, {"label_smoothing", options_.label_smoothing}});
  }

  Value* categorical_cross_entropy() {
    if (!options_.from_probabilities) return softmax_cross_entropy(target(), z_->rank() - 1);
    return cross_entropy(smoothed(target(), classes()), -1);
  }

  // Labels number the classes of the axis that they lack.
  Value* sparse_cross_entropy() {
    const Dims& output = z_->type().dims;
    Dims without_last(output.begin(), output.end() - 1);
    const int64_t axis = labels_->type().dims == without_last ? z_->rank() - 1 : 1;
    if (!options_.from_probabilities)
      return softmax_cross_entropy(make("Unsqueeze", {labels_, g_.constant(Tensor::ints({axis}))}), axis);
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
    Value* p = is_pytorch() ? z_ : limited(z_, 1 - kLeastProbability);
    Value* yes = make("Mul", {t, limited_log(p)});
    Value* no = make("Mul", {one_minus(t), limited_log(one_minus(p))});
    return make("Neg", {make("Add", {yes, no})});
  }

  // PyTorch limits the logarithm rather than p. Where it does, the slope is 0.
  Value* limited_log(Value* p) {
    if (!is_pytorch()) return make("Log", {p});
    Value* least = number(z_->dtype() == DType::f16 ? 0x1p-14 : 0x1p-126);  // smaller ones count as 0
    Value* log = make("Log", {make("Max", {p, least})});
    return make("Where", {make("Greater", {p, least}), log, number(kLeastLogarithm)});
  }

  // (1 - probability of the label)^gamma: little for what is known already.
  Value* focus(Value* p) { return make("Pow", {one_minus(p), number(options_.gamma)}); }

  Value* binary_focal(Value* t) {
    Value* p = options_.from_probabilities ? z_ : make("Sigmoid", {z_});
    Value* of_label = make("Add", {make("Mul", {t, p}), make("Mul", {one_minus(t), one_minus(p)})});
    Value* loss = make("Mul", {focus(of_label), binary_cross_entropy(t)});
    if (!options_.class_balancing) return loss;
    Value* balance = make("Add", {scaled(t, options_.alpha), scaled(one_minus(t), 1 - options_.alpha)});
    return make("Mul", {balance, loss});
  }

  Value* categorical_focal() {
    Value* log_p = log_probabilities(-1);
    Value* loss = make("Mul", {smoothed(target(), classes()), log_p});
    return sum(scaled(make("Mul", {focus(make("Exp", {log_p})), loss}), -options_.alpha), -1);
  }

  Value* percentage() {
    Value* size = make("Max", {make("Abs", {target()}), number(kLeastProbability)});
    return scaled(make("Abs", {make("Div", {error(), size})}), 100);
  }

  // log(1 + x), x not below 0.
  Value* log_of_next(Value* x) {
    return make("Log", {make("Add", {make("Max", {x, number(kLeastProbability)}), number(1)})});
  }

  // log(cosh(e)) = e + log(1 + exp(-2 e)) - log(2)
  Value* log_cosh(Value* e) {
    Value* tail = make("Softplus", {scaled(e, -2)});
    return make("Sub", {make("Add", {e, tail}), number(std::log(2.0))});
  }

  Value* poisson() {
    Value* log = make("Log", {make("Add", {z_, number(kLeastProbability)})});
    return make("Sub", {z_, make("Mul", {target(), log})});
  }

  // The output is the logarithm of the expected count, or with probabilities the count itself.
  Value* poisson_of_pytorch() {
    if (!options_.from_probabilities) return make("Sub", {make("Exp", {z_}), make("Mul", {target(), z_})});
    Value* log = make("Log", {make("Add", {z_, number(kPoissonEpsilon)})});
    return make("Sub", {z_, make("Mul", {target(), log})});
  }

  // Labels are -1 or 1; 0 stands for -1.
  Value* hinge() {
    Value* is_zero = make("Equal", {target(), number(0)});
    Value* sign = make("Where", {is_zero, number(-1), target()});
    return make("Relu", {one_minus(make("Mul", {sign, z_}))});
  }

  Value* categorical_hinge() {
    Value* right = sum(make("Mul", {target(), z_}), -1);
    Value* wrong = make("ReduceMax", {make("Mul", {one_minus(target()), z_}), g_.constant(Tensor::ints({-1}))},
                        {{"keepdims", int64_t{0}}});
    return make("Relu", {make("Add", {make("Sub", {wrong, right}), number(1)})});
  }

  Value* kl_divergence() {
    Value* t = limited(target(), 1);
    Value* ratio = make("Log", {make("Div", {t, limited(z_, 1)})});
    return sum(make("Mul", {t, ratio}), -1);
  }

  // The output is logarithms of probabilities; the mean is over all elements. t log(t) is 0 at 0.
  Value* kl_divergence_of_pytorch() {
    Value* t = target();
    Value* is_zero = make("LessOrEqual", {t, number(0)});
    Value* log_t = make("Log", {make("Where", {is_zero, number(1), t})});
    return mean(make("Mul", {t, make("Sub", {log_t, z_})}));
  }

  // x / |x| along the last axis. Tiny rows stay tiny instead of dividing by zero.
  Value* direction(Value* x) {
    Value* squares = reduced(g_, "ReduceSumSquare", x, {-1});
    Value* least = number(kLeastProbability * kLeastProbability);
    return make("Div", {x, make("Sqrt", {make("Max", {squares, least})})});
  }

  // 1 - overlap / (overlap + alpha * missing + beta * too much), over all elements of the batch.
  Value* tversky(double alpha, double beta) {
    const auto total = [&](Value* x) { return make("ReduceSum", {x}, {{"keepdims", int64_t{0}}}); };
    Value* t = target();
    Value* overlap = total(make("Mul", {t, z_}));
    Value* missing = scaled(total(make("Mul", {one_minus(z_), t})), alpha);
    Value* too_much = scaled(total(make("Mul", {z_, one_minus(t)})), beta);
    Value* all = make("Add", {make("Add", {overlap, missing}), make("Add", {too_much, number(kLeastProbability)})});
    return one_minus(make("Div", {overlap, all}));
  }

  // The nodes of another graph on these values.
  Value* inlined(const Graph& function, const std::vector<Value*>& arguments) {
    std::map<const Value*, Value*> values{{nullptr, nullptr}};
    for (size_t i = 0; i < arguments.size(); ++i) values[function.inputs()[i].get()] = arguments[i];
    for (const auto& node : function.nodes()) {
      std::vector<Value*> operands;
      for (const Value* operand : node->inputs()) operands.push_back(values.at(operand));
      const Node* copy = g_.clone_node(*node, std::move(operands));
      for (size_t i = 0; i < node->output_count(); ++i) values[node->output(i)] = copy->output(i);
    }
    return values.at(function.outputs()[0]);
  }

  // e^2 / 2 up to delta, a line beyond.
  Value* huber(Value* e) {
    Value* size = make("Abs", {e});
    Value* line = scaled(make("Sub", {size, number(options_.delta / 2)}), options_.delta);
    return make("Where", {make("LessOrEqual", {size, number(options_.delta)}), scaled(square(e), 0.5), line});
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
    refuse(output, given, cat("integers that number the classes, one for each row of the output",
                              given.dims == output.dims ? "; rows of shares belong to categorical_crossentropy" : ""));
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
  if (!is_float(given.dtype) && !is_int(given.dtype) && given.dtype != DType::boolean) refuse(output, given, "numbers");
  if (options.loss == Loss::sparse_categorical_crossentropy) return sparse_labels(output, given);
  if (output.rank() < 1) refuse(output, given, "an output with at least one axis");
  if (given.dims == output.dims) return given;
  // [N] for an output [N, 1], and the other way round.
  if (product(given.dims) == product(output.dims) && given.dims[0] == output.dims[0])
    return {given.dtype, output.dims};
  const bool numbers_classes = is_int(given.dtype) && given.rank() + 1 == output.rank() && is_classification(options.loss);
  refuse(output, given, cat("labels of the output's shape, ", Type{output.dtype, output.dims},
                            numbers_classes ? "; numbers of classes belong to sparse_categorical_crossentropy" : ""));
}

bool divides_by_weights(const LossOptions& options) {
  return options.convention == Convention::pytorch && (options.loss == Loss::sparse_categorical_crossentropy ||
                                                       options.loss == Loss::categorical_crossentropy);
}

// With axes of size 1 behind, as many as the loss has.
static Value* with_axes_of(Graph& g, const Value& loss, Value* x) {
  Ints axes;
  for (int a = x->rank(); a < loss.rank(); ++a) axes.push_back(a);
  return axes.empty() ? x : g.make("Unsqueeze", {x, g.constant(Tensor::ints(axes))});
}

static void require_mask_fits(const Value& loss, const Value& mask) {
  bool fits = mask.rank() <= loss.rank();
  for (int a = 0; fits && a < mask.rank(); ++a) fits = mask.dim(a) == loss.dim(a);
  if (!fits)
    throw Error(cat("the output's mask is ", mask.type(), ", but its losses are ", loss.type(),
                    ": a mask goes with losses of each step; end it before the output"),
                Fault::usage);
}

Value* loss_of(Graph& g, const LossOptions& options, Value* output, Value* labels,
               Value* weights, Value* mask) {
  Value* loss = LossBuilder(g, options, output, labels).elements();
  if (mask) require_mask_fits(*loss, *mask);
  weights = weights ? with_axes_of(g, *loss, weights) : nullptr;
  mask = mask ? with_axes_of(g, *loss, mask) : nullptr;
  const auto where_it_counts = [&](Value* x) {
    return mask ? g.make("Where", {mask, x, number_like(g, x, 0)}) : x;
  };
  const auto mean = [&](Value* x) { return g.make("ReduceMean", {x}, {{"keepdims", int64_t{0}}}); };
  Value* total = mean(where_it_counts(weights ? g.make("Mul", {loss, weights}) : loss));
  if (weights && divides_by_weights(options)) return g.make("Div", {total, mean(where_it_counts(weights))});
  if (!mask) return total;
  Value* share = mean(converted(g, mask, loss->dtype()));  // that counts
  return g.make("Div", {total, g.make("Max", {share, number_like(g, share, kLeastShare)})});
}

}  // namespace cnnc
