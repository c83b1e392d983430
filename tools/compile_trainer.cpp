#include "tools/compile_trainer.h"

#include "codegen/trainer_parts.h"
#include "frontend/onnx/save_weights.h"
#include "ir/error.h"
#include "tools/tensors.h"

namespace cnnc::tools {

void TrainerFlags::add_to(CLI::App& app) {
  auto* train = app.add_flag("--train", trains, "an executable that trains the model; the options of cnnc train say how");
  const size_t before = app.get_options().size();
  training.add_to(app, false);
  app.add_option("--batch-size", batch_size, "samples in a step")
      ->check(positive())->capture_default_str();
  app.add_option("--labels", labels, "labels like those to come, .npy, where their shape is not plain")
      ->type_name("FILE");
  app.add_flag("--weighted", weighted, "samples have weights");
  const std::vector<CLI::Option*> options = app.get_options();
  for (size_t i = before; i < options.size(); ++i) {
    options[i]->needs(train);
    if (!options[i]->get_group().empty()) options[i]->group("With --train");
  }
}

namespace {

// The sizes of the model's inputs with this batch.
ImportOptions with_batch(const ModelOptions& model, const Graph& graph, int64_t batch) {
  ImportOptions options = model.import_options();
  options.warn = nullptr;  // said already
  for (const auto& input : graph.inputs()) {
    Shape& shape = options.shapes[input->name()];
    if (shape.empty()) shape.assign(static_cast<size_t>(input->rank()), -1);
    if (!shape.empty()) shape[0] = batch;
  }
  return options;
}

void check_inputs(const Graph& graph, const std::string& path) {
  for (const auto& input : graph.inputs()) {
    for (int axis = 1; axis < input->rank(); ++axis)
      if (!input->dim(axis).is_const())
        throw Error(cat(path, ": input ", quoted(input->name()), " is ", input->type(),
                        "; give its sizes but the batch's with --dim or --shape"),
                    Fault::usage);
    if (input->rank() == 0)
      throw Error(cat(path, ": input ", quoted(input->name()), " is one number, need a row for each sample"),
                  Fault::model);
  }
  if (graph.inputs().empty() || graph.inputs().size() > Samples::kMostInputs)
    throw Error(cat(path, ": the model has ", graph.inputs().size(), " inputs; training takes 1 to ",
                    int{Samples::kMostInputs}),
                Fault::model);
}

codegen::TrainedModel trained_model(const TrainerFlags& flags, const ModelOptions& model) {
  ImportOptions as_declared = model.import_options();
  as_declared.for_training = true;
  const std::shared_ptr<const Graph> declared = import_onnx_file(model.path, as_declared);
  check_inputs(*declared, model.path);
  codegen::TrainedModel result;
  result.graph = [=, output = flags.training.loss.output](const Dim& batch) {
    const int64_t size = batch.is_const() ? batch.value() : -1;
    return import_for_training(model.path, with_batch(model, *declared, size), batch, output);
  };
  result.initializers = onnx_initializer_names(model.path);
  result.options = flags.training.options(result.initializers);
  result.options.sample_weights = flags.weighted;
  const Type output = result.graph(Dim(flags.batch_size))->outputs()[0]->type();
  result.labels = codegen::usual_labels(result.options.loss.loss, output);
  if (!flags.labels.empty()) result.labels.dims = type_of(read_tensor(flags.labels)).dims;
  return result;
}

codegen::ModelFile model_file(const std::string& path, const std::map<std::string, Tensor>& parameters) {
  OnnxTemplate file = onnx_template(path, parameters);
  codegen::ModelFile result{std::move(file.bytes), {}};
  for (const OnnxTemplate::Place& place : file.places) result.places[place.name] = place.offset;
  return result;
}

}  // namespace

void compile_trainer(const TrainerFlags& flags, const ModelOptions& model, const codegen::BuildOptions& build,
                     const std::string& path, const codegen::LinkOptions& link) {
  if (flags.training.loss.loss.empty()) throw Error("--train needs --loss", Fault::usage);
  const codegen::TrainedModel trained = trained_model(flags, model);
  LoopOptions loop;
  loop.batch_size = flags.batch_size;
  loop.learning_rate = flags.training.optimizer.learning_rate();
  codegen::set_optimizer(loop, trained.options.optimizer);
  codegen::TrainerCompiler compiler(trained, loop, flags.training.limited(build));
  if (!compiler.fixed_batch().empty() && !model.quiet)
    std::fprintf(stderr, "warning: the trainer takes full batches of %lld samples only: %s\n",
                 static_cast<long long>(flags.batch_size), compiler.fixed_batch().c_str());
  codegen::link_trainer(compiler.finish(model_file(model.path, compiler.parameters())), path, link);
}

}  // namespace cnnc::tools
