// cnnc eval: loss and accuracy of an ONNX model on samples in files.
#include "tools/commands.h"
#include "tools/training_options.h"

namespace cnnc::tools {

namespace {

struct EvalCommand {
  DataFlags data;
  LossFlags loss;
  ConventionFlag convention;

  void run() const {
    const TrainingData all(data.files, data.model);
    codegen::TrainedModel model = trained_model(data, all, loss.output);
    model.initializers.clear();  // constants are faster
    model.options.loss = loss.options(convention.convention());
    model.options.sample_weights = data.files.has_weights();
    report_evaluation(data.json, codegen::evaluate_model(model, all.samples(), data.batch_size, data.threads,
                                                         data.build.reporting_options()));
  }
};

}  // namespace

void add_eval(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("eval", "loss and accuracy of an ONNX model on samples");
  auto command = std::make_shared<EvalCommand>();
  command->data.add_to(*sub);
  command->loss.add_to(*sub, true);
  command->convention.add_to(*sub);
  sub->callback([command] { command->run(); });
}

}  // namespace cnnc::tools
