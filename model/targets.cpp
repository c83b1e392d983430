#include "model/targets.h"

#include <iterator>

#include "frontend/dsl/build_graph.h"
#include "ir/error.h"

namespace cnnc::dsl {

// ---- losses as the graph builders take them --------------------------------------------------------------------------
// In the order of the variant Loss.
static constexpr cnnc::Loss kKinds[] = {cnnc::Loss::sparse_categorical_crossentropy,
                                        cnnc::Loss::categorical_crossentropy,
                                        cnnc::Loss::categorical_focal_crossentropy,
                                        cnnc::Loss::binary_crossentropy,
                                        cnnc::Loss::binary_focal_crossentropy,
                                        cnnc::Loss::hinge,
                                        cnnc::Loss::squared_hinge,
                                        cnnc::Loss::categorical_hinge,
                                        cnnc::Loss::kl_divergence,
                                        cnnc::Loss::poisson,
                                        cnnc::Loss::mse,
                                        cnnc::Loss::mae,
                                        cnnc::Loss::mape,
                                        cnnc::Loss::msle,
                                        cnnc::Loss::huber,
                                        cnnc::Loss::log_cosh,
                                        cnnc::Loss::cosine_similarity,
                                        cnnc::Loss::dice,
                                        cnnc::Loss::tversky,
                                        cnnc::Loss::custom};
static_assert(std::size(kKinds) == std::variant_size_v<Loss>);

cnnc::Convention to_compiler(Convention convention) {
  return convention == Convention::keras ? cnnc::Convention::keras : cnnc::Convention::pytorch;
}

// The numbers that this loss has.
template <typename Description>
static LossOptions options_of(cnnc::Loss kind, const Description& d) {
  LossOptions o{kind};
  if constexpr (requires { d.from_logits; }) o.from_probabilities = !d.from_logits;
  if constexpr (requires { d.log_input; }) o.from_probabilities = !d.log_input;
  if constexpr (requires { d.convention; }) o.convention = to_compiler(d.convention);
  if constexpr (requires { d.label_smoothing; }) o.label_smoothing = d.label_smoothing;
  if constexpr (requires { d.alpha; }) o.alpha = d.alpha;
  if constexpr (requires { d.beta; }) o.beta = d.beta;
  if constexpr (requires { d.gamma; }) o.gamma = d.gamma;
  if constexpr (requires { d.delta; }) o.delta = d.delta;
  if constexpr (requires { d.apply_class_balancing; }) o.class_balancing = d.apply_class_balancing;
  return o;
}

static void check_numbers(const LossOptions& o) {
  if (!(o.label_smoothing >= 0) || o.label_smoothing > 1)
    throw Error(cat("compile: label_smoothing is ", o.label_smoothing, ", need a number from 0 to 1"), Fault::usage);
  if (!(o.gamma >= 0)) throw Error(cat("compile: gamma is ", o.gamma, ", need 0 or more"), Fault::usage);
  if (!(o.delta > 0)) throw Error(cat("Huber: delta is ", o.delta, ", need a positive number"), Fault::usage);
}

// A loss of the user's own as a graph of labels and output.
static std::shared_ptr<const Graph> graph_of(const CustomLoss& loss, const Type& output) {
  if (!loss.function) throw Error("CustomLoss has no function", Fault::usage);
  Shape sample;
  for (size_t i = 1; i < output.dims.size(); ++i)
    sample.push_back(output.dims[i].is_const() ? output.dims[i].value() : -1);
  const Tensor labels = input(sample), outputs = input(sample);
  return build_graph(define_model({labels, outputs}, {loss.function(labels, outputs)}));
}

Target target_of(size_t output, const Type& type, std::string prefix, OutputGoal goal) {
  LossOptions loss = std::visit([&](const auto& l) { return options_of(kKinds[goal.loss.index()], l); }, goal.loss);
  check_numbers(loss);
  if (const auto* custom = std::get_if<CustomLoss>(&goal.loss)) loss.function = graph_of(*custom, type);
  return {output, std::move(prefix), std::move(goal), std::move(loss)};
}

// ---- kinds -----------------------------------------------------------------------------------------------------------
bool has_logits(const Loss& loss) {
  return std::visit(
      [](const auto& l) {
        if constexpr (requires { l.from_logits; }) return l.from_logits;
        return false;
      },
      loss);
}

bool takes_probabilities(const Loss& loss) {
  return std::visit(
      [](const auto& l) {
        if constexpr (requires { l.from_logits; }) return !l.from_logits;
        return false;
      },
      loss);
}

bool takes_classes(const Loss& loss) { return std::holds_alternative<SparseCategoricalCrossentropy>(loss); }

bool takes_shares(const Loss& loss) {
  return !takes_classes(loss) && (has_logits(loss) || takes_probabilities(loss));
}

}  // namespace cnnc::dsl
