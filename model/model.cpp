// Model: what is defined becomes something that predicts and is saved.
#include "cnnc/model.h"

#include <filesystem>
#include <iostream>

#include "codegen/build.h"
#include "codegen/link.h"
#include "frontend/onnx/export.h"
#include "ir/error.h"
#include "model/model_state.h"
#include "model/source.h"
#include "passes/training/training_form.h"

namespace cnnc::dsl {

Model::Model(const Tensor& input, const Tensor& output) : Model(Tensors{input}, Tensors{output}) {}
Model::Model(const Tensors& inputs, const Tensors& outputs) : state_(state_of(define_model(inputs, outputs))) {}

static std::shared_ptr<ModelState> chain(const std::vector<Layer>& layers, const Location& where) {
  if (layers.empty() || layers[0].type() != "Input")
    throw Error(cat("Sequential of ", line_of(where), ": the first layer must be Input, which says the shape of a sample"),
                Fault::usage);
  const Tensor first = layers[0](Tensors{});
  Tensor x = first;
  for (size_t i = 1; i < layers.size(); ++i) x = layers[i](x);
  if (layers.size() == 1) throw Error(cat("Sequential of ", line_of(where), " has no layers"), Fault::usage);
  auto state = state_of(define_model({first}, {x}));
  state->name = "sequential";
  return state;
}

Sequential::Sequential(std::vector<Layer> layers, Location where) : Model(chain(layers, where)) {}

// ---- files -----------------------------------------------------------------------------------------------------------
Model Model::load(const std::string& path) { return Model(imported_state(path)); }
void Model::save(const std::string& path) const {
  const std::unique_ptr<Graph> graph = state_->graph();
  to_inference_form(*graph);
  export_onnx_file(*graph, path);
}
std::string Model::dump_ir() const { return print(*state_->graph()); }

// Where the archives are that executables are linked with: beside the program's folder, in the build, or installed.
static std::string library_folder() {
  namespace fs = std::filesystem;
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  const std::vector<fs::path> candidates{program.parent_path().parent_path() / "lib", CNNC_BUILD_LIBRARIES,
                                         CNNC_INSTALLED_LIBRARIES};
  for (const fs::path& folder : candidates)
    if (fs::exists(folder / "libcnnc_runtime.a", code)) return folder.string();
  throw Error("libcnnc_runtime.a, which executables are linked with, is in none of the folders where cnnc installs it",
              Fault::file);
}

void Model::compile_to_executable(const std::string& path) const {
  codegen::BuildOptions options;
  options.compile.kernels = codegen::Kernels::llvm;
  const std::unique_ptr<Graph> graph = state_->graph();
  codegen::optimize(*graph, options);
  codegen::LinkOptions link_options;
  link_options.is_static = true;
  link_options.library_folder = library_folder();
  codegen::link(codegen::compile(*graph, options.compile, codegen::ObjectKind::linked), path, link_options);
}

// ---- weights ---------------------------------------------------------------------------------------------------------
int64_t Model::parameter_count() const {
  int64_t count = 0;
  for (const BuiltWeight& weight : state_->weights) count += weight.variable->value.size();
  return count;
}

std::vector<std::string> Model::weight_names() const {
  std::vector<std::string> names;
  for (const BuiltWeight& weight : state_->weights) names.push_back(weight.name);
  return names;
}

std::vector<std::string> Model::input_names() const {
  std::vector<std::string> names;
  for (const auto& input : state_->prototype->inputs()) names.push_back(input->name());
  return names;
}
std::vector<Shape> Model::input_shapes() const {
  std::vector<Shape> shapes;
  for (const auto& input : state_->prototype->inputs()) {
    shapes.emplace_back();
    for (int i = 1; i < input->rank(); ++i) shapes.back().push_back(input->dim(i).is_const() ? input->dim(i).value() : -1);
  }
  return shapes;
}
std::vector<std::string> Model::output_names() const { return state_->prototype->output_names(); }

Array Model::weight(const std::string& name) const { return array_of(state_->weight_named(name).variable->value); }

void Model::set_weight(const std::string& name, const Array& value) {
  Variable& variable = *state_->weight_named(name).variable;
  if (value.type() != type_of(variable.value).str() || value.scale() != 1)
    throw Error(cat("weight '", name, "' is ", type_of(variable.value), ", was given ", value.type()), Fault::usage);
  variable.value = value.storage().tensor;
}

int64_t Model::set_trainable(const std::string& prefix, bool trainable) {
  int64_t count = 0;
  for (BuiltWeight& weight : state_->weights) {
    if (weight.name.rfind(prefix, 0) != 0) continue;
    weight.frozen = !trainable;
    ++count;
  }
  return count;
}

// ---- prediction ------------------------------------------------------------------------------------------------------
// Models with a fixed batch run it whole.
static int64_t batch_of(const Graph& graph, int64_t rows, int64_t wanted) {
  if (wanted <= 0) throw Error(cat("batch_size is ", wanted, ", need a positive number"), Fault::usage);
  const Dim& batch = graph.inputs()[0]->dim(0);
  if (!batch.is_const()) return wanted;
  if (rows % batch.value() != 0)
    throw Error(cat(rows, " samples for a model whose batch is always ", batch.value()), Fault::usage);
  return batch.value();
}

namespace {
// The outputs of all batches, one after the other.
struct Outputs {
  std::vector<cnnc::Tensor> tensors;
  std::vector<cnnc_tensor_view> views;

  void make(int64_t rows, int64_t batch) {
    for (const cnnc_tensor_view& view : views) {
      cnnc::Shape shape(view.dims, view.dims + view.rank);
      if (shape.empty() || shape[0] != batch)
        throw Error("an output of the model has no axis of samples", Fault::usage);
      shape[0] = rows;
      tensors.emplace_back(static_cast<DType>(view.dtype), shape);
    }
  }
  void place(int64_t begin, int64_t count) {
    for (size_t i = 0; i < views.size(); ++i) {
      const size_t row = tensors[i].bytes() / static_cast<size_t>(tensors[i].shape()[0]);
      views[i].data = static_cast<char*>(tensors[i].mutable_raw()) + static_cast<size_t>(begin) * row;
      views[i].bytes = static_cast<size_t>(count) * row;
    }
  }
};
}  // namespace

Arrays Model::predict(const Arrays& x, const PredictOptions& options) const {
  const Graph& graph = *state_->prototype;
  const std::vector<Feed> feeds = feeds_of(*state_, x);
  const int64_t rows = feeds[0].rows(), batch = std::min(rows, batch_of(graph, rows, options.batch_size));
  CompiledGraph& compiled = state_->predictor(options.threads);
  Outputs outputs;
  for (int64_t begin = 0; begin < rows; begin += batch) {
    const int64_t end = std::min(rows, begin + batch);
    std::vector<cnnc::Tensor> inputs;
    for (const Feed& feed : feeds) inputs.push_back(feed.rows(begin, end));
    if (begin == 0 || end - begin != batch) outputs.views = compiled.prepare(inputs);
    if (begin == 0) outputs.make(rows, batch);
    outputs.place(begin, end - begin);
    compiled.run(inputs, outputs.views);
  }
  Arrays results;
  for (cnnc::Tensor& tensor : outputs.tensors) results.push_back(array_of(std::move(tensor)));
  return results;
}

Array Model::predict(const Array& x, const PredictOptions& options) const {
  Arrays outputs = predict(Arrays{x}, options);
  if (outputs.size() != 1)
    throw Error(cat("the model has ", outputs.size(), " outputs; call predict with Arrays{x}"), Fault::usage);
  return outputs[0];
}

// Batch by batch; the labels do not matter.
Arrays Model::predict(const Pipeline& data, const PredictOptions& options) const {
  if (data.is_endless())
    throw Error("the pipeline repeats without end: give predict() a part of it by take()", Fault::usage);
  std::vector<Arrays> parts;
  for (const Sample& batch : data.is_batched() ? data : data.batch(options.batch_size))
    parts.push_back(predict(static_cast<const Arrays&>(batch.x), {.batch_size = batch.x.at(0).rows(), .threads = options.threads}));
  if (parts.empty()) throw Error("the pipeline gives no samples", Fault::usage);
  Arrays results;
  for (size_t i = 0; i < parts[0].size(); ++i) {
    std::vector<cnnc::Tensor> tensors;
    for (const Arrays& part : parts) tensors.push_back(part[i].storage().tensor);
    results.push_back(array_of(joined_rows(tensors)));
  }
  return results;
}

void Model::summary() const { summary(std::cout); }

}  // namespace cnnc::dsl
