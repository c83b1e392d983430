#include "model/targets.h"

#include "frontend/dsl/build_graph.h"
#include "ir/error.h"

namespace cnnc::dsl {

// ---- losses as the graph builders take them --------------------------------------------------------------------------
static LossOptions options_of(const SparseCategoricalCrossentropy& l) {
  return {cnnc::Loss::sparse_categorical_crossentropy, !l.from_logits, 0};
}
static LossOptions options_of(const CategoricalCrossentropy& l) {
  return {cnnc::Loss::categorical_crossentropy, !l.from_logits, l.label_smoothing};
}
static LossOptions options_of(const CategoricalFocalCrossentropy& l) {
  LossOptions o{cnnc::Loss::categorical_focal_crossentropy, !l.from_logits, l.label_smoothing};
  o.alpha = l.alpha;
  o.gamma = l.gamma;
  return o;
}
static LossOptions options_of(const BinaryCrossentropy& l) {
  return {cnnc::Loss::binary_crossentropy, !l.from_logits, l.label_smoothing};
}
static LossOptions options_of(const BinaryFocalCrossentropy& l) {
  LossOptions o{cnnc::Loss::binary_focal_crossentropy, !l.from_logits, l.label_smoothing};
  o.alpha = l.alpha;
  o.gamma = l.gamma;
  o.class_balancing = l.apply_class_balancing;
  return o;
}
static LossOptions options_of(const Hinge&) { return {cnnc::Loss::hinge}; }
static LossOptions options_of(const SquaredHinge&) { return {cnnc::Loss::squared_hinge}; }
static LossOptions options_of(const CategoricalHinge&) { return {cnnc::Loss::categorical_hinge}; }
static LossOptions options_of(const KLDivergence&) { return {cnnc::Loss::kl_divergence}; }
static LossOptions options_of(const Poisson&) { return {cnnc::Loss::poisson}; }
static LossOptions options_of(const MeanSquaredError&) { return {cnnc::Loss::mse}; }
static LossOptions options_of(const MeanAbsoluteError&) { return {cnnc::Loss::mae}; }
static LossOptions options_of(const MeanAbsolutePercentageError&) { return {cnnc::Loss::mape}; }
static LossOptions options_of(const MeanSquaredLogarithmicError&) { return {cnnc::Loss::msle}; }
static LossOptions options_of(const Huber& l) {
  if (!(l.delta > 0)) throw Error(cat("Huber: delta is ", l.delta, ", need a positive number"), Fault::usage);
  LossOptions o{cnnc::Loss::huber};
  o.delta = l.delta;
  return o;
}
static LossOptions options_of(const LogCosh&) { return {cnnc::Loss::log_cosh}; }
static LossOptions options_of(const CosineSimilarity&) { return {cnnc::Loss::cosine_similarity}; }
static LossOptions options_of(const Dice&) { return {cnnc::Loss::dice}; }
static LossOptions options_of(const Tversky& l) {
  LossOptions o{cnnc::Loss::tversky};
  o.alpha = l.alpha;
  o.beta = l.beta;
  return o;
}
static LossOptions options_of(const CustomLoss& l) {
  if (!l.function) throw Error("CustomLoss has no function", Fault::usage);
  return {cnnc::Loss::custom};
}

static void check_numbers(const LossOptions& o) {
  if (!(o.label_smoothing >= 0) || o.label_smoothing > 1)
    throw Error(cat("compile: label_smoothing is ", o.label_smoothing, ", need a number from 0 to 1"), Fault::usage);
  if (!(o.gamma >= 0)) throw Error(cat("compile: gamma is ", o.gamma, ", need 0 or more"), Fault::usage);
}

// A loss of the user's own as a graph of labels and output.
static std::shared_ptr<const Graph> graph_of(const CustomLoss& loss, const Type& output) {
  Shape sample;
  for (size_t i = 1; i < output.dims.size(); ++i)
    sample.push_back(output.dims[i].is_const() ? output.dims[i].value() : -1);
  const Tensor labels = input(sample), outputs = input(sample);
  return build_graph(define_model({labels, outputs}, {loss.function(labels, outputs)}));
}

Target target_of(size_t output, const Type& type, std::string prefix, OutputGoal goal) {
  LossOptions loss = std::visit([](const auto& l) { return options_of(l); }, goal.loss);
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

}  // namespace cnnc::dsl
