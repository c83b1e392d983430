// The table of a model's layers, as Keras prints it.
#include <algorithm>
#include <ostream>

#include "cnnc/model.h"
#include "model/model_state.h"
#include "model/training_state.h"

namespace cnnc::dsl {

namespace {

using Row = std::vector<std::string>;

// 1234567 -> "1,234,567".
std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string size_text(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  while (size >= 1024 && unit < 3) size /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %s", size, kUnits[unit]);
  return text;
}

// "(None, 32, 30, 30)"
std::string shape_text(const Type& type) {
  std::string text = "(";
  for (const Dim& d : type.dims) text += (text.size() > 1 ? ", " : "") + (d.is_const() ? d.str() : std::string("None"));
  return text + ")";
}

constexpr size_t kNumberColumn = 2;  // stands at the right

// Characters, not bytes: cells hold no other multi-byte text than frames.
void print_row(std::ostream& out, const Row& cells, const std::vector<size_t>& widths) {
  out << "│";
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string space(widths[i] - cells[i].size(), ' ');
    out << " " << (i == kNumberColumn ? space + cells[i] : cells[i] + space) << " │";
  }
  out << "\n";
}

void print_rule(std::ostream& out, const std::vector<size_t>& widths, const char* left, const char* middle,
                const char* right, const char* line) {
  out << left;
  for (size_t i = 0; i < widths.size(); ++i) {
    for (size_t k = 0; k < widths[i] + 2; ++k) out << line;
    out << (i + 1 < widths.size() ? middle : right);
  }
  out << "\n";
}

void print_table(std::ostream& out, const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  print_rule(out, widths, "┏", "┳", "┓", "━");
  print_row(out, rows[0], widths);
  print_rule(out, widths, "┡", "╇", "┩", "━");
  for (size_t i = 1; i < rows.size(); ++i) {
    if (i > 1) print_rule(out, widths, "├", "┼", "┤", "─");
    print_row(out, rows[i], widths);
  }
  print_rule(out, widths, "└", "┴", "┘", "─");
}

bool is_chain(const std::vector<BuiltLayer>& layers) {
  for (size_t i = 1; i < layers.size(); ++i)
    if (layers[i].inputs != std::vector<std::string>{layers[i - 1].name}) return false;
  return true;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<Row> layer_rows(const ModelState& state, bool chain) {
  std::vector<Row> rows{{"Layer (type)", "Output Shape", "Param #"}};
  if (!chain) {
    rows[0].push_back("Connected to");
    for (const auto& input : state.prototype->inputs())
      rows.push_back({input->name() + " (InputLayer)", shape_text(input->type()), "0", "-"});
  }
  for (const BuiltLayer& layer : state.layers) {
    int64_t count = 0;
    for (const size_t w : layer.weights) count += state.weights[w].variable->value.size();
    rows.push_back({layer.name + " (" + layer.layer->type + ")", shape_text(layer.output), grouped(count)});
    if (!chain) rows.back().push_back(joined(layer.inputs));
  }
  return rows;
}

// Imported models: one row for each node that is no constant.
std::vector<Row> node_rows(const ModelState& state) {
  std::vector<Row> rows{{"Layer (type)", "Output Shape", "Param #"}};
  for (const auto& node : state.prototype->nodes()) {
    if (node->is("Constant")) continue;
    int64_t count = 0;
    for (const Value* input : node->inputs())
      for (const BuiltWeight& weight : state.weights)
        if (input != nullptr && input->name() == weight.name) count += weight.variable->value.size();
    const std::string name = node->origins().empty() ? "-" : node->origins().first();
    rows.push_back({name + " (" + node->op_name() + ")", shape_text(node->output()->type()), grouped(count)});
  }
  return rows;
}

}  // namespace

void Model::summary(std::ostream& out) const {
  const ModelState& state = *state_;
  int64_t trainable = 0, fixed = 0, optimizer = 0;
  for (const BuiltWeight& weight : state.weights)
    (weight.is_trainable() ? trainable : fixed) += weight.variable->value.size();
  if (state.training)
    for (const auto& [name, tensor] : state.training->optimizer_state) optimizer += tensor.size();
  out << "Model: \"" << state.name << "\"\n";
  print_table(out, state.layers.empty() ? node_rows(state) : layer_rows(state, is_chain(state.layers)));
  const auto line = [&](const char* what, int64_t count) {
    out << " " << what << " params: " << grouped(count) << " (" << size_text(count * 4) << ")\n";
  };
  line("Total", trainable + fixed + optimizer);
  line("Trainable", trainable);
  line("Non-trainable", fixed);
  if (optimizer > 0) line("Optimizer", optimizer);
}

}  // namespace cnnc::dsl
