#include "codegen/trainer_parts.h"

#include <algorithm>
#include <cstring>

#include "codegen/recompute.h"
#include "codegen/trainer.h"
#include "ir/error.h"
#include "passes/training/settings.h"
#include "runtime/thread_count.h"
#include "runtime/training/trainer.h"

namespace cnnc::codegen {

Type usual_labels(Loss loss, const Type& output) {
  if (loss != Loss::sparse_categorical_crossentropy)
    return {output.dtype == DType::f64 ? DType::f64 : DType::f32, output.dims};
  if (output.rank() < 2)
    throw Error(cat("the model's output is ", output, "; class numbers as labels need a row of classes for each sample"),
                Fault::usage);
  Dims dims = output.dims;
  dims.erase(output.rank() < 4 ? dims.end() - 1 : dims.begin() + 1);
  return {DType::i64, dims};
}

// ---- programs ----------------------------------------------------------------------------------

CompiledModel TrainerCompiler::compiled(TrainingStep& step, int64_t largest_batch) const {
  BuildOptions build = build_;
  build.compile.memory.threads = default_thread_count();
  for (const std::string& batch : step.graph->symbols()) build.compile.memory.sizes[batch] = largest_batch;
  optimize(*step.graph, build);
  CompiledModel model = compile(*step.graph, build.compile, ObjectKind::linked);
  step.graph.reset();
  return model;
}

TrainerCompiler::TrainerCompiler(const TrainedModel& model, const LoopOptions& loop, const BuildOptions& build)
    : options_(model.options), loop_(loop), build_(build) {
  training_ = *model.training_step(Dim(loop.batch_size));
  for (size_t i = 0; i < training_.model_inputs; ++i) {
    const Value& input = *training_.graph->inputs()[i];
    inputs_.emplace_back(input.name(), input.type());
  }
  const StepBuilder any = [&](const Dim& batch) { return model.training_step(batch); };
  std::optional<TrainingStep> step = step_for_any_batch(any, &fixed_batch_);
  std::vector<std::function<void()>> programs{[&] { parts_.training = compiled(training_, loop.batch_size); }};
  if (step) {
    fixed_batch_.clear();
    evaluation_ = *model.evaluation_step(Dim::symbol("batch"));
    programs.push_back([&] { parts_.other_batches = compiled(*step, std::max<int64_t>(loop.batch_size - 1, 1)); });
    programs.push_back([&] { parts_.evaluation = compiled(evaluation_, loop.batch_size); });
  }
  compile_within_limit(programs);
}

std::map<std::string, Tensor> TrainerCompiler::parameters() const {
  std::map<std::string, Tensor> parameters;
  for (const TrainingStep::Carried& carried : training_.carried)
    if (carried.is_parameter) parameters[carried.name] = carried.initial;
  return parameters;
}

// ---- the record --------------------------------------------------------------------------------

namespace {

// A TrainerRecord and what it refers to, one after the other.
class RecordWriter {
 public:
  RecordWriter() : bytes_(sizeof(TrainerRecord)) {}

  uint64_t add(const void* data, size_t size) {
    bytes_.resize((bytes_.size() + 63) / 64 * 64);
    const uint64_t offset = bytes_.size();
    const auto* begin = static_cast<const char*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
    return offset;
  }
  uint64_t text(const std::string& text) { return add(text.c_str(), text.size() + 1); }

  TrainerRecord::Type type(const std::string& name, const Type& type) {
    TrainerRecord::Type result{};
    result.name = text(name);
    result.dtype = static_cast<int32_t>(type.dtype);
    result.rank = type.rank();
    const Shape shape = type.shape();
    std::copy(shape.begin(), shape.end(), result.dims);
    return result;
  }

  Tensor finish(const TrainerRecord& record) const {
    Tensor tensor(DType::u8, {static_cast<int64_t>(bytes_.size())});
    std::memcpy(tensor.mutable_raw(), bytes_.data(), bytes_.size());
    std::memcpy(tensor.mutable_raw(), &record, sizeof record);
    return tensor;
  }

 private:
  std::vector<char> bytes_;
};

}  // namespace

static TrainerRecord::Carried carried_record(RecordWriter& writer, const TrainingStep::Carried& carried,
                                             const ModelFile& file) {
  TrainerRecord::Carried result{};
  result.type = writer.type(carried.name, carried.type);
  result.role = carried.is_parameter ? CarriedRole::parameter : CarriedRole::optimizer;
  result.initial = TrainerRecord::kNoOffset;
  if (carried.is_parameter) result.initial = file.places.at(carried.name);
  else result.fill = carried.fill;
  return result;
}

Tensor TrainerCompiler::record(const ModelFile& file) const {
  RecordWriter writer;
  TrainerRecord record{};
  record.model = writer.add(file.bytes.data(), file.bytes.size());
  record.model_bytes = file.bytes.size();
  record.loop = loop_;
  record.max_bytes = static_cast<uint64_t>(build_.compile.memory.bytes);
  record.training = layout_of(training_);
  record.evaluation = layout_of(evaluation_);
  record.accuracy = accuracy_rule(options_.loss, training_);
  record.parameter_count = training_.parameter_count;
  record.input_count = static_cast<int32_t>(inputs_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) record.inputs[i] = writer.type(inputs_[i].first, inputs_[i].second);
  record.labels = writer.type("labels", training_.labels);
  std::vector<TrainerRecord::Carried> carried;
  for (const TrainingStep::Carried& c : training_.carried) carried.push_back(carried_record(writer, c, file));
  record.carried = writer.add(carried.data(), carried.size() * sizeof carried[0]);
  record.carried_count = carried.size();
  record.fixed_batch = writer.text(fixed_batch_);
  record.settings = writer.text(settings_of(options_));
  return writer.finish(record);
}

TrainerParts TrainerCompiler::finish(const ModelFile& file) {
  parts_.record = record(file);
  return std::move(parts_);
}

}  // namespace cnnc::codegen
