// Losses and metrics. Names and defaults are Keras 3's, and so are the formulae unless PyTorch's are chosen.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cnnc/convention.h"
#include "cnnc/tensor.h"

namespace cnnc::dsl {

// ---- losses: the mean over the samples of weight * loss --------------------------------------------------------------
// Of an output that has a mask, the mean over the steps that count.
// With from_logits the model's output is any numbers instead of probabilities: more exact, and faster.

// Labels are classes (integers [samples]); the output has a row of them for each sample. Labels [samples, height, width]
// go with outputs of which the classes are the last axis, or the channels: [samples, classes, height, width].
// Keras divides the weighted sum by the count of samples, PyTorch by the sum of their weights.
struct SparseCategoricalCrossentropy { bool from_logits = false; Convention convention = Convention::keras; };
// Labels are rows of numbers that add up to 1.
struct CategoricalCrossentropy {
  bool from_logits = false; double label_smoothing = 0; Convention convention = Convention::keras;
};
// Times (1 - probability)^gamma * alpha: samples that are learned count little.
struct CategoricalFocalCrossentropy {
  double alpha = 0.25, gamma = 2; bool from_logits = false; double label_smoothing = 0;
};
// Labels are 0 or 1. Keras limits probabilities to [1e-7, 1 - 1e-7], PyTorch their logarithms to -100.
struct BinaryCrossentropy {
  bool from_logits = false; double label_smoothing = 0; Convention convention = Convention::keras;
};
struct BinaryFocalCrossentropy {
  bool apply_class_balancing = false;  // alpha for 1, 1 - alpha for 0
  double alpha = 0.25, gamma = 2; bool from_logits = false; double label_smoothing = 0;
};
// Labels are -1 or 1; 0 stands for -1.
struct Hinge {};
struct SquaredHinge {};
// Labels are rows of 0 and 1.
struct CategoricalHinge {};
// Keras: of probabilities, summed over the classes. PyTorch: the output is their logarithms, and the mean is taken over
// the classes too.
struct KLDivergence { Convention convention = Convention::keras; };
// z - y log(z + 1e-7) of Keras; with PyTorch's formula and log_input e^z - y z, else z - y log(z + 1e-8).
struct Poisson { Convention convention = Convention::keras; bool log_input = true; };
struct MeanSquaredError {};
struct MeanAbsoluteError {};
struct MeanAbsolutePercentageError {};
struct MeanSquaredLogarithmicError {};
struct Huber { double delta = 1; };
struct LogCosh {};
// -1 for rows of one direction, 0 for right angles, 1 for opposite ones.
struct CosineSimilarity {};
// 1 - how much of a batch's labels and outputs overlap: segmentation.
struct Dice {};
struct Tversky { double alpha = 0.5, beta = 0.5; };  // of what is missing, and of what is too much
// A loss of your own, of operations on tensors: one number for each sample, or more, of which the mean is taken. Labels
// come as float numbers in the shape of the output.
struct CustomLoss { std::function<Tensor(const Tensor& labels, const Tensor& outputs)> function; };

using Loss = std::variant<SparseCategoricalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
                          BinaryCrossentropy, BinaryFocalCrossentropy, Hinge, SquaredHinge, CategoricalHinge,
                          KLDivergence, Poisson, MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError,
                          MeanSquaredLogarithmicError, Huber, LogCosh, CosineSimilarity, Dice, Tversky, CustomLoss>;

// ---- metrics ---------------------------------------------------------------------------------------------------------
// Sparse, categorical or binary as the loss is. A binary output counts as one above the threshold, and so do those of
// Precision, Recall, F1Score and MeanIoU below; with a from_logits loss the threshold is of the probability too. Of rows
// of classes the greatest output is taken.
struct Accuracy { double threshold = 0.5; };
struct TopKAccuracy { int64_t k = 5; };  // the label is among the k greatest outputs
// Of class 1 of a binary output, or of class `class_id` of rows of classes.
struct Precision { int64_t class_id = 1; double threshold = 0.5; };
struct Recall { int64_t class_id = 1; double threshold = 0.5; };
// 2 precision recall / (precision + recall) of rows of classes, or of class 1 of a binary output.
struct F1Score {
  enum class Average { macro, micro, weighted };  // over the classes: plain, of all counts, by the classes' sizes
  Average average = Average::macro;
  double threshold = 0.5;
};
// Area under a curve of a binary output: true over false positives, or precision over recall.
struct AUC {
  enum class Curve { roc, pr };
  Curve curve = Curve::roc;
  int64_t num_thresholds = 200;
};
// Intersection over union of the predicted and the true members of a class, the mean over the classes: of the greatest
// outputs of rows, or of binary outputs.
struct MeanIoU { double threshold = 0.5; };
struct MeanSquaredErrorMetric {};
struct MeanAbsoluteErrorMetric {};
struct RootMeanSquaredError {};
struct CosineSimilarityMetric {};  // 1 for rows of one direction
// A metric of your own: a number for a batch (which the mean over the batches' samples is taken of). Masks and weights do
// not concern it.
struct CustomMetric {
  std::string name;
  std::function<double(const Array& labels, const Array& outputs)> function;
};
using Metric = std::variant<Accuracy, TopKAccuracy, Precision, Recall, F1Score, AUC, MeanIoU, MeanSquaredErrorMetric,
                            MeanAbsoluteErrorMetric, RootMeanSquaredError, CosineSimilarityMetric, CustomMetric>;

// What one of a model's outputs should give.
struct OutputGoal {
  Loss loss;
  double weight = 1;  // of its loss in the sum of all
  std::vector<Metric> metrics = {};
  std::vector<Metric> weighted_metrics = {};  // these take sample_weight and class_weight into account
};

using NamedGoals = std::vector<std::pair<std::string, OutputGoal>>;

}  // namespace cnnc::dsl
