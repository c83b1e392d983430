// The part of GraphImporter that imports If, Scan and Loop. ONNX's regions use values of the graphs
// around them by name; ours get them as operands (ir/control_flow.h).
#include <algorithm>

#include "frontend/onnx/graph_importer.h"
#include "frontend/onnx/known_number.h"
#include "ir/control_flow.h"

namespace cnnc {

namespace {

using Values = std::vector<Value*>;

std::vector<Type> types_of(const Values& values) {
  std::vector<Type> types;
  for (const Value* value : values) {
    if (value == nullptr) throw Error("an initial value or scan input is missing");
    types.push_back(value->type());
  }
  return types;
}

// The axis at `from` moved to `to`; the others keep their order.
Value* with_axis_moved(Graph& graph, Value* value, int64_t from, int64_t to) {
  if (from == to) return value;
  Ints perm;
  for (int64_t a = 0; a < value->rank(); ++a)
    if (a != from) perm.push_back(a);
  perm.insert(perm.begin() + to, from);
  return graph.make("Transpose", {value}, {{"perm", perm}});
}

// Number `i` of an attribute that lists an axis for each of some values; 0 where it is absent.
int64_t listed_axis(const Attributes& attributes, const char* name, size_t i, int rank) {
  const auto it = attributes.find(name);
  const auto* axes = it == attributes.end() ? nullptr : std::get_if<Ints>(&it->second);
  if (axes == nullptr) return 0;
  if (i >= axes->size()) throw Error(cat(name, " has ", axes->size(), " numbers, need more"));
  const int64_t axis = (*axes)[i];
  if (axis < -rank || axis >= rank)
    throw Error(cat(name, " holds ", axis, ", which is out of range for ", rank, " axes"));
  return axis < 0 ? axis + rank : axis;
}

}  // namespace

GraphImporter::Results GraphImporter::import_control_flow(Scope& scope, onnx::NodeProto& proto,
                                                          const OpDef& op) {
  scope.graph().set_current_origins({origin_of(proto)});
  if (op.name() == "If") return import_if(scope, proto);
  return op.name() == "Loop" ? import_loop(scope, proto) : import_scan(scope, proto);
}

std::shared_ptr<Graph> GraphImporter::required_region(Scope& scope, const Regions& regions,
                                                      const char* name,
                                                      const std::vector<Type>& types) {
  const auto it = regions.find(name);
  if (it == regions.end()) throw Error(cat("attribute ", quoted(name), " is missing"));
  const Origins origins = scope.graph().current_origins();
  std::shared_ptr<Graph> region = import_region(scope, *it->second, &types);
  scope.graph().set_current_origins(origins);
  if (region->outputs().size() < static_cast<size_t>(it->second->output_size()))
    throw DependsOnFailed();
  return region;
}

static std::vector<Binding> bindings_of(const Values& values) {
  std::vector<Binding> bindings;
  for (Value* value : values) bindings.push_back({.value = value});
  return bindings;
}

static Values outputs_of(const Node& node) {
  Values outputs;
  for (size_t i = 0; i < node.output_count(); ++i) outputs.push_back(node.output(i));
  return outputs;
}

// ---- If

// Nodes of the branch that is known to be taken become nodes of the graph itself.
GraphImporter::Results GraphImporter::import_branch(Scope& scope, onnx::GraphProto& proto) {
  Scope branch(scope.graph(), scope.opsets(), &scope);
  define_initializers(branch, proto);
  import_nodes(branch, *proto.mutable_node());
  Results results;
  for (const auto& output : proto.output()) {
    Binding result;
    try {
      result.value = value_of(branch, output.name());
    } catch (const DependsOnFailed&) {
      result.failed = true;
    }
    results.push_back(result);
  }
  return results;
}

GraphImporter::Results GraphImporter::import_if(Scope& scope, onnx::NodeProto& proto) {
  Values operands = operands_of(scope, proto);
  if (operands.size() != 1) throw Error(cat("has ", operands.size(), " inputs, need a condition"));
  fold_number(scope.graph(), operands[0]);
  Regions regions;
  Attributes attributes = attributes_of(scope, proto, &regions);
  if (const auto known = operands[0]->known_ints(); known && known->size() == 1) {
    const char* taken = (*known)[0] != 0 ? "then_branch" : "else_branch";
    if (regions.count(taken)) return import_branch(scope, *regions.at(taken));
  }
  const auto then_branch = required_region(scope, regions, "then_branch", {}),
             else_branch = required_region(scope, regions, "else_branch", {});
  const Values captures = close_regions({then_branch.get(), else_branch.get()});
  operands.insert(operands.end(), captures.begin(), captures.end());
  attributes["then_branch"] = then_branch;
  attributes["else_branch"] = else_branch;
  return bindings_of(
      outputs_of(*scope.graph().add("If", operands, attributes, proto.output_size())));
}

// ---- Loop

// How often a Loop runs at most when numbers tell at import.
static std::optional<int64_t> known_trips(const Values& operands) {
  if (operands[0] == nullptr) return INT64_MAX;
  const auto known = operands[0]->known_ints();
  if (!known || known->size() != 1) return std::nullopt;
  return std::max<int64_t>(0, (*known)[0]);
}

// A Loop stays one if sizes are the same in each trip and known; else numbers have to tell how
// often it runs, and it becomes the nodes of its body as many times.
GraphImporter::Results GraphImporter::import_loop(Scope& scope, onnx::NodeProto& proto) {
  Values operands = operands_of(scope, proto);
  operands.resize(std::max<size_t>(operands.size(), 2));
  for (size_t i = 0; i < 2; ++i) fold_number(scope.graph(), operands[i]);
  Regions regions;
  const Attributes attributes = attributes_of(scope, proto, &regions);
  const Problems before = problems_;
  const auto trips = known_trips(operands);
  if (!trips || regions.count("body") == 0)
    return import_whole_loop(scope, proto, operands, attributes, regions);
  try {
    return import_whole_loop(scope, proto, operands, attributes, regions);
  } catch (const DependsOnFailed&) {
  } catch (const Error& e) {
    if (e.fault() == Fault::limit || e.fault() == Fault::internal) throw;
  }
  problems_ = before;
  return unroll_loop(scope, operands, *regions.at("body"), *trips);
}

// One trip with these values for the body's inputs; its outputs.
GraphImporter::Results GraphImporter::import_trip(Scope& scope, onnx::GraphProto& body,
                                                  const Results& inputs) {
  function_nodes_ += body.node_size();
  if (function_nodes_ > options_.limits.function_nodes)
    throw Error(cat("its loops unroll to more than ", options_.limits.function_nodes, " nodes"),
                Fault::limit);
  Scope trip(scope.graph(), scope.opsets(), &scope);
  define_initializers(trip, body);
  if (inputs.size() != static_cast<size_t>(body.input_size()))
    throw Error(
        cat("gives ", inputs.size(), " values to its body, which takes ", body.input_size()));
  for (int i = 0; i < body.input_size(); ++i)
    trip.define(body.input(i).name(), inputs[static_cast<size_t>(i)]);
  import_nodes(trip, *body.mutable_node());
  Results outputs;
  for (const auto& output : body.output())
    outputs.push_back({.value = value_of(trip, output.name())});
  return outputs;
}

static Value* number(Graph& graph, DType dtype, int64_t n) {
  Tensor tensor(dtype, {});
  tensor.set_int(0, n);
  return graph.constant(std::move(tensor));
}

GraphImporter::Results GraphImporter::unroll_loop(Scope& scope, const Values& operands,
                                                  onnx::GraphProto& body, int64_t trips) {
  constexpr int64_t kMostTrips = 1000;
  Graph& graph = scope.graph();
  const size_t states = operands.size() - 2;
  if (static_cast<size_t>(body.output_size()) < 1 + states)
    throw Error(cat("its body gives ", body.output_size(), " results, need ", 1 + states));
  Results carried = bindings_of(Values(operands.begin() + 2, operands.end()));
  std::vector<Values> stacks(static_cast<size_t>(body.output_size()) - 1 - states);
  Value* condition = operands[1];
  for (int64_t t = 0; t < trips; ++t) {
    fold_number(graph, condition);
    const auto goes_on = condition ? condition->known_ints() : Ints{1};
    if (!goes_on || goes_on->size() != 1)
      throw Error(
          "its sizes depend on the trip, and data decides when it ends; sizes that data decides "
          "are "
          "not supported");
    if ((*goes_on)[0] == 0) break;
    if (t == kMostTrips)
      throw Error(cat("its sizes depend on the trip, and it runs more than ", kMostTrips,
                      " times, the limit for that"));
    Results inputs{{.value = number(graph, DType::i64, t)},
                   {.value = number(graph, DType::boolean, 1)}};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    const Results outputs = import_trip(scope, body, inputs);
    condition = outputs[0].value;
    carried.assign(outputs.begin() + 1, outputs.begin() + 1 + static_cast<long>(states));
    for (size_t i = 0; i < stacks.size(); ++i) {
      Value* axis = graph.constant(Tensor::ints({0}));
      stacks[i].push_back(graph.make("Unsqueeze", {outputs[1 + states + i].value, axis}));
    }
  }
  for (const Values& stack : stacks) {
    if (stack.empty()) throw Error("runs no trip, so the size of what it stacks is not known");
    carried.push_back({.value = graph.make("Concat", stack, {{"axis", int64_t{0}}})});
  }
  return carried;
}

GraphImporter::Results GraphImporter::import_whole_loop(Scope& scope, onnx::NodeProto& proto,
                                                        Values operands, Attributes attributes,
                                                        const Regions& regions) {
  std::vector<Type> types = types_of(Values(operands.begin() + 2, operands.end()));
  types.insert(types.begin(), {{DType::i64, {}}, {DType::boolean, {}}});
  const auto body = required_region(scope, regions, "body", types);
  const Values captures = close_regions({body.get()});
  operands.insert(operands.end(), captures.begin(), captures.end());
  attributes["body"] = body;
  attributes["num_captures"] = static_cast<int64_t>(captures.size());
  Graph& graph = scope.graph();
  Node* loop = graph.add("Loop", operands, attributes, proto.output_size());
  if (!fixed_trip_count(*loop)) return bindings_of(outputs_of(*loop));
  const Values results = scan_of_loop(*loop, graph);
  graph.erase(loop);
  return bindings_of(results);
}

// ---- Scan

static Value* batch_entry(Graph& graph, Value* x, int64_t b) {
  return graph.make("Gather", {x, number(graph, DType::i64, b)}, {{"axis", int64_t{0}}});
}

// Opset 8 ran it for every member of a batch, along the second axis.
GraphImporter::Results GraphImporter::import_batched_scan(Scope& scope, onnx::NodeProto& proto) {
  Graph& graph = scope.graph();
  Values operands = operands_of(scope, proto);
  if (operands.size() < 2 || operands[0] != nullptr)
    throw Error("sequence lengths of opset 8 are not supported; export with a newer opset");
  operands.erase(operands.begin());
  Regions regions;
  Attributes attributes = attributes_of(scope, proto, &regions);
  if (const auto it = attributes.find("directions"); it != attributes.end())
    attributes["scan_input_directions"] = it->second;
  attributes.erase("directions");
  std::vector<Type> types = types_of(operands);
  const Dim batch = types[0].rank() > 0 ? types[0].dims[0] : Dim(0);
  if (!batch.is_const() || batch.value() < 1)
    throw Error(
        cat("needs a batch of known size, has ", types[0], "; bind its symbols with --dim"));
  const auto* slices = std::get_if<int64_t>(&attributes["num_scan_inputs"]);
  for (size_t i = 0; i < types.size(); ++i) {
    const int skipped = slices && i + static_cast<size_t>(*slices) >= types.size() ? 2 : 1;
    if (types[i].rank() < skipped)
      throw Error(cat("input ", i, " is ", types[i], ", need more axes"));
    types[i].dims.erase(types[i].dims.begin(), types[i].dims.begin() + skipped);
  }
  const auto body = required_region(scope, regions, "body", types);
  const Values captures = close_regions({body.get()});
  attributes["num_captures"] = static_cast<int64_t>(captures.size());
  std::vector<Values> results(static_cast<size_t>(proto.output_size()));
  for (int64_t b = 0; b < batch.value(); ++b) {
    Values entry;
    for (Value* operand : operands) entry.push_back(batch_entry(graph, operand, b));
    entry.insert(entry.end(), captures.begin(), captures.end());
    attributes["body"] = std::shared_ptr<Graph>(body->clone());
    const Node* scan = graph.add("Scan", entry, attributes, proto.output_size());
    for (size_t i = 0; i < results.size(); ++i)
      results[i].push_back(
          graph.make("Unsqueeze", {scan->output(i), graph.constant(Tensor::ints({0}))}));
  }
  Values whole;
  for (const Values& parts : results)
    whole.push_back(graph.make("Concat", parts, {{"axis", int64_t{0}}}));
  return bindings_of(whole);
}

GraphImporter::Results GraphImporter::import_scan(Scope& scope, onnx::NodeProto& proto) {
  if (scope.opsets().version(proto.domain()) < 9) return import_batched_scan(scope, proto);
  Graph& graph = scope.graph();
  Values operands = operands_of(scope, proto);
  Regions regions;
  Attributes attributes = attributes_of(scope, proto, &regions);
  const auto count = attributes.find("num_scan_inputs");
  const auto* slices = count == attributes.end() ? nullptr : std::get_if<int64_t>(&count->second);
  if (slices == nullptr || *slices < 1 || *slices > static_cast<int64_t>(operands.size()))
    throw Error("attribute 'num_scan_inputs' does not fit its inputs");
  const size_t states = operands.size() - static_cast<size_t>(*slices);
  std::vector<Type> types = types_of(operands);
  for (size_t i = states; i < operands.size(); ++i) {
    const int rank = types[i].rank();
    const int64_t axis = listed_axis(attributes, "scan_input_axes", i - states, rank);
    if (rank == 0) throw Error(cat("scan input ", i - states, " is ", types[i], ", need an axis"));
    operands[i] = with_axis_moved(graph, operands[i], axis, 0);
    types[i].dims.erase(types[i].dims.begin() + axis);
  }
  const auto body = required_region(scope, regions, "body", types);
  const Values captures = close_regions({body.get()});
  operands.insert(operands.end(), captures.begin(), captures.end());
  const Attributes given = attributes;
  attributes.erase("scan_input_axes");
  attributes.erase("scan_output_axes");
  attributes["body"] = body;
  attributes["num_captures"] = static_cast<int64_t>(captures.size());
  Values results = outputs_of(*graph.add("Scan", operands, attributes, proto.output_size()));
  for (size_t i = states; i < results.size(); ++i) {
    const int64_t axis = listed_axis(given, "scan_output_axes", i - states, results[i]->rank());
    results[i] = with_axis_moved(graph, results[i], 0, axis);
  }
  return bindings_of(results);
}

}  // namespace cnnc
