// cnnc eval: loss and accuracy of an ONNX model on samples in files.
#include <cstdio>

#include "ir/error.h"
#include "tools/commands.h"
#include "tools/training_options.h"

namespace cnnc::tools {

namespace {

void evaluate(const DataFlags& data) {
  TrainingOptions options;
  options.loss = data.loss_options();
  options.sample_weights = data.has_weights();
  const codegen::Dataset all = data.dataset();
  codegen::Evaluator evaluator(data.model_source(all), {}, options, data.build.build_options(), data.threads);
  const codegen::Evaluation result = evaluator.run(all, data.batch_size);
  const bool classifies = result.accuracy >= 0;
  if (data.json) {
    std::printf("{\"event\":\"evaluate\",\"loss\":%.9g", result.loss);
    if (classifies) std::printf(",\"accuracy\":%.9g", result.accuracy);
    std::printf(",\"seconds\":%.6g}\n", result.seconds);
  } else {
    std::printf("loss %.6g", result.loss);
    if (classifies) std::printf(", accuracy %.4f", result.accuracy);
    std::printf("\n");
  }
}

}  // namespace

void add_eval(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("eval", "loss and accuracy of an ONNX model on samples");
  auto data = std::make_shared<DataFlags>();
  data->add_to(*sub);
  sub->callback([data] { evaluate(*data); });
}

}  // namespace cnnc::tools
