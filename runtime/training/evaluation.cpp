#include "runtime/training/evaluation.h"

#include "runtime/host_tensor.h"
#include "runtime/output_summary.h"
#include "runtime/team.h"

namespace cnnc {
namespace {

double at(const cnnc_tensor_view& tensor, int64_t index) {
  return element_value(tensor.dtype, tensor.data, index);
}

// Position of the greatest of `count` elements, `stride` apart.
int64_t greatest(const cnnc_tensor_view& tensor, int64_t first, int64_t count, int64_t stride) {
  int64_t best = 0;
  for (int64_t k = 1; k < count; ++k) {
    if (at(tensor, first + k * stride) > at(tensor, first + best * stride)) best = k;
  }
  return best;
}

// How many of a batch's predictions are right, and of how many.
struct Hits {
  int64_t right = 0, all = 0;
};

void add_class_hits(const cnnc_tensor_view& output, const cnnc_tensor_view& labels,
                    const AccuracyRule& rule, Hits* hits) {
  const int64_t classes = output.dims[rule.axis];
  int64_t stride = 1;
  for (int32_t a = rule.axis + 1; a < output.rank; ++a) stride *= output.dims[a];
  const int64_t rows = element_count(output.rank, output.dims) / classes;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t first = i / stride * stride * classes + i % stride;
    const int64_t label = rule.kind == Accuracy::sparse
                              ? static_cast<int64_t>(at(labels, i))
                              : greatest(labels, first, classes, stride);
    hits->right += greatest(output, first, classes, stride) == label;
    ++hits->all;
  }
}

void add_hits(const cnnc_tensor_view& output, const cnnc_tensor_view& labels,
              const AccuracyRule& rule, Hits* hits) {
  if (rule.kind == Accuracy::none) return;
  if (rule.kind != Accuracy::binary) return add_class_hits(output, labels, rule, hits);
  const int64_t count = element_count(output.rank, output.dims);
  for (int64_t i = 0; i < count; ++i) {
    hits->right += (at(output, i) > rule.threshold) == (at(labels, i) > 0.5);
    ++hits->all;
  }
}

// The model's output for a batch, with its loss.
class BatchEvaluator {
 public:
  BatchEvaluator(StepSource source, void* const* carried, ErrorText* error)
      : source_(source), carried_(carried), error_(error) {}

  ExitCode run(const Batch& batch, float* loss) {
    StepRunner* runner = source_(batch.size, error_);
    if (!runner) return kExitModel;
    cnnc_status status = runner->prepare(batch.size);
    output_ = runner->output(1);
    if (status == CNNC_OK && !memory_.reserve(output_.bytes)) {
      error_->set("out of memory: the output needs %zu bytes", output_.bytes);
      return kExitLimit;
    }
    output_.data = memory_.data();
    if (status == CNNC_OK) status = runner->run(batch, {}, carried_, &output_.data, loss);
    if (status != CNNC_OK) error_->set("%s", cnnc_last_error(runner->executable()));
    return exit_code(status);
  }
  const cnnc_tensor_view& output() const { return output_; }

 private:
  StepSource source_;
  void* const* carried_;
  ErrorText* error_;
  MemoryBlock memory_;
  cnnc_tensor_view output_ = {};
};

} // namespace

bool check_labels(const cnnc_tensor_view& labels, const AccuracyRule& rule, ErrorText* error) {
  return rule.kind != Accuracy::sparse || check_classes(labels, rule.classes, error);
}

ExitCode evaluate(const Samples& samples, int64_t batch_size, const AccuracyRule& rule,
                  StepSource source, void* const* carried, Evaluation* result, ErrorText* error) {
  const int64_t start = now_ns();
  *result = {};
  Batches batches;
  if (!check_rows(samples, error) || !check_labels(samples.labels, rule, error)) return kExitUsage;
  if (!batches.create(&samples, batch_size, {}, error)) return kExitLimit;
  BatchEvaluator evaluator(source, carried, error);
  Hits hits;
  for (int64_t i = 0; i < batches.count(); ++i) {
    Batch batch;
    if (!batches.batch(i, &batch, error)) return kExitFile;
    float loss;
    const ExitCode code = evaluator.run(batch, &loss);
    if (code != kExitOk) return code;
    result->loss += static_cast<double>(loss) * static_cast<double>(batch.size);
    cnnc_tensor_view labels = samples.labels;
    labels.data = const_cast<void*>(batch.labels);
    add_hits(evaluator.output(), labels, rule, &hits);
  }
  result->loss /= static_cast<double>(samples.count());
  if (hits.all > 0) result->accuracy = static_cast<double>(hits.right) / static_cast<double>(hits.all);
  result->seconds = static_cast<double>(now_ns() - start) * 1e-9;
  return kExitOk;
}

} // namespace cnnc
