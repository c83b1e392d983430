#include "codegen/evaluator.h"

#include "ir/error.h"
#include "runtime/team.h"

namespace cnnc::codegen {

// The class axis has as many elements as there are classes; labels lack it.
static int64_t class_axis(const Type& output, const Type& labels) {
  const Dims without_last(output.dims.begin(), output.dims.end() - 1);
  return labels.dims == without_last ? output.rank() - 1 : 1;
}

void check_labels(const Dataset& data, const LossOptions& options, const TrainingStep& step) {
  if (options.loss != Loss::sparse_categorical_crossentropy) return;
  const auto axis = static_cast<size_t>(class_axis(step.output, step.labels));
  check_classes(data.labels, step.output.dims[axis].value());
}

Type label_rows(const Dataset& data, int64_t batch_size) {
  Shape shape = data.labels.shape();
  shape[0] = batch_size;
  return {data.labels.dtype(), to_dims(shape)};
}

// ---- accuracy ----------------------------------------------------------------------------------

// How many of a batch's predictions are right, and of how many.
struct Hits {
  int64_t right = 0, all = 0;
};

// Position of the greatest of `count` elements, `stride` apart.
static int64_t greatest(const Tensor& tensor, int64_t first, int64_t count, int64_t stride) {
  int64_t best = 0;
  for (int64_t k = 1; k < count; ++k)
    if (tensor.as_double(first + k * stride) > tensor.as_double(first + best * stride)) best = k;
  return best;
}

static Hits class_hits(const Tensor& output, const Tensor& labels, int64_t axis, bool sparse) {
  const Shape& shape = output.shape();
  const int64_t classes = shape[static_cast<size_t>(axis)];
  int64_t stride = 1;
  for (size_t a = static_cast<size_t>(axis) + 1; a < shape.size(); ++a) stride *= shape[a];
  Hits hits;
  for (int64_t i = 0; i < output.size() / classes; ++i) {
    const int64_t first = i / stride * stride * classes + i % stride;
    const int64_t label = sparse ? labels.as_int(i) : greatest(labels, first, classes, stride);
    hits.right += greatest(output, first, classes, stride) == label;
    ++hits.all;
  }
  return hits;
}

static Hits binary_hits(const Tensor& output, const Tensor& labels, double threshold) {
  Hits hits;
  for (int64_t i = 0; i < output.size(); ++i) {
    hits.right += (output.as_double(i) > threshold) == (labels.as_double(i) > 0.5);
    ++hits.all;
  }
  return hits;
}

static Hits hits_of(const LossOptions& options, const TrainingStep& step, const Tensor& output,
                    const Tensor& labels) {
  switch (options.loss) {
    case Loss::sparse_categorical_crossentropy:
      return class_hits(output, labels, class_axis(step.output, step.labels), true);
    case Loss::categorical_crossentropy:
      return class_hits(output, labels, step.output.rank() - 1, false);
    case Loss::binary_crossentropy:
      return binary_hits(output, labels, options.from_probabilities ? 0.5 : 0);
    default:
      return {};
  }
}

// ---- Evaluator ---------------------------------------------------------------------------------

StepProgram& Evaluator::program(const Dataset& data, int64_t batch_size) {
  std::unique_ptr<StepProgram>& program = programs_[batch_size];
  if (program == nullptr)
    program = std::make_unique<StepProgram>(
        evaluation_step(model_(batch_size), initializers_, label_rows(data, batch_size), options_),
        build_, threads_);
  return *program;
}

Evaluation Evaluator::run(const Dataset& data, int64_t batch_size,
                          const std::map<std::string, Tensor>& weights) {
  const int64_t start = now_ns();
  check_rows(data);
  Batches batches(data, batch_size);
  Evaluation result;
  Hits hits;
  for (int64_t i = 0; i < batches.count(); ++i) {
    const int64_t size = batches.size(i), first = i * batch_size;
    StepProgram& step = program(data, size);
    if (i == 0) check_labels(data, options_.loss, step.step());
    std::vector<Tensor> carried;
    for (const TrainingStep::Carried& c : step.step().carried) {
      const auto given = weights.find(c.name);
      carried.push_back(given == weights.end() ? c.initial : given->second);
    }
    Tensor output(step.step().output.dtype, step.step().output.shape());
    const float loss = step.run(batches.batch(i), {}, carried, &output);
    result.loss += static_cast<double>(loss) * static_cast<double>(size);
    const Hits found =
        hits_of(options_.loss, step.step(), output, data.part(first, first + size).labels);
    hits.right += found.right;
    hits.all += found.all;
  }
  result.loss /= static_cast<double>(data.count());
  if (hits.all > 0)
    result.accuracy = static_cast<double>(hits.right) / static_cast<double>(hits.all);
  result.seconds = static_cast<double>(now_ns() - start) * 1e-9;
  return result;
}

}  // namespace cnnc::codegen
