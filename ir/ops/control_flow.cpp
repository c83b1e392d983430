// If, Scan and Loop (ir/control_flow.h tells what their operands and regions are).
#include "ir/control_flow.h"

#include "ir/op_def.h"

namespace cnnc {
namespace {

const Graph& region_of(const OpContext& c, const char* name) {
  const Graph* region = c.node().region(name);
  c.require(region != nullptr, "has no ", name);
  return *region;
}

void check_inputs(const OpContext& c, const char* name, const std::vector<Type>& types) {
  const Graph& region = region_of(c, name);
  c.require(region.inputs().size() == types.size(), "gives ", types.size(), " values to its ", name,
            ", which takes ", region.inputs().size());
  for (size_t i = 0; i < types.size(); ++i)
    c.require(region.inputs()[i]->type() == types[i], "gives ", types[i], " as input ", i,
              " to its ", name, ", which takes ", region.inputs()[i]->type());
}

// ---- If

std::vector<Type> if_types(const OpContext& c) {
  c.require(product(c.dims(0)) == 1, "cond is ", c.type(0), ", need one element");
  std::vector<Type> captures, types;
  for (size_t i = 1; i < c.input_count(); ++i) captures.push_back(c.type(i));
  const Graph &a = region_of(c, "then_branch"), &b = region_of(c, "else_branch");
  check_inputs(c, "then_branch", captures);
  check_inputs(c, "else_branch", captures);
  c.require(a.outputs().size() == b.outputs().size(), "its branches give ", a.outputs().size(),
            " and ", b.outputs().size(), " results");
  for (size_t i = 0; i < a.outputs().size(); ++i) {
    types.push_back(a.outputs()[i]->type());
    c.require(types.back() == b.outputs()[i]->type(), "result ", i, " is ", types.back(),
              " in one branch and ", b.outputs()[i]->type(),
              " in the other; sizes that data decides are not supported");
  }
  return types;
}

// ---- Scan and Loop

// Types of the node's results: states, which must come back as they went in, then stacked elements.
std::vector<Type> carried_types(const OpContext& c, const Dim& trips, size_t leading) {
  const CarriedParts parts = carried_parts(c.node());
  const Graph& body = region_of(c, "body");
  c.require(body.outputs().size() >= leading + parts.states, "its body gives ",
            body.outputs().size(), " results, need at least ", leading + parts.states);
  std::vector<Type> types;
  for (size_t i = leading; i < body.outputs().size(); ++i) {
    Type type = body.outputs()[i]->type();
    if (types.size() < parts.states) {
      const Type& before = c.type(parts.first + types.size());
      c.require(type == before, "carried value ", types.size(), " is ", before, " before and ",
                type, " after its body; it must stay the same");
    } else {
      type.dims.insert(type.dims.begin(), trips);
    }
    types.push_back(std::move(type));
  }
  return types;
}

void check_directions(const OpContext& c, const char* name, size_t count) {
  const Ints directions = c.integers(name);
  c.require(directions.size() <= count, name, " has ", directions.size(), " numbers for ", count,
            " values");
  for (int64_t d : directions) c.require(d == 0 || d == 1, name, " holds ", d, ", need 0 or 1");
}

std::vector<Type> scan_types(const OpContext& c) {
  const CarriedParts parts = carried_parts(c.node());
  c.require(parts.slices >= 1, "num_scan_inputs is ", parts.slices, ", need at least 1");
  c.require(parts.first_capture() + parts.captures == c.input_count(), "has ", c.input_count(),
            " inputs for ", parts.slices, " scan inputs and ", parts.captures, " captures");
  std::vector<Type> inputs;
  std::optional<Dim> trips;
  for (size_t i = 0; i < c.input_count(); ++i) {
    Type type = c.type(i);
    if (i >= parts.first_slice() && i < parts.first_capture()) {
      c.require(type.rank() >= 1, "scan input ", i - parts.first_slice(), " is ", type,
                ", need an axis to run along");
      if (!trips) trips = type.dims[0];
      c.require(*trips == type.dims[0], "scan inputs have ", *trips, " and ", type.dims[0],
                " elements");
      type.dims.erase(type.dims.begin());
    }
    inputs.push_back(std::move(type));
  }
  check_inputs(c, "body", inputs);
  const std::vector<Type> types = carried_types(c, *trips, 0);
  check_directions(c, "scan_input_directions", parts.slices);
  check_directions(c, "scan_output_directions", types.size() - parts.states);
  return types;
}

std::vector<Type> loop_types(const OpContext& c) {
  const CarriedParts parts = carried_parts(c.node());
  std::vector<Type> inputs{{DType::i64, {}}, {DType::boolean, {}}};
  for (size_t i = 0; i < 2; ++i)
    if (c.has(i))
      c.require(product(c.dims(i)) == 1, "input ", i, " is ", c.type(i), ", need one element");
  for (size_t i = 2; i < c.input_count(); ++i) inputs.push_back(c.type(i));
  check_inputs(c, "body", inputs);
  const Graph& body = region_of(c, "body");
  c.require(!body.outputs().empty() &&
                body.outputs()[0]->type() == Type{DType::boolean, body.outputs()[0]->type().dims} &&
                product(body.outputs()[0]->type().dims) == 1,
            "the first result of its body is not the condition to go on, one bool");
  const std::optional<Dim> trips = fixed_trip_count(c.node());
  c.require(trips || body.outputs().size() == 1 + parts.states,
            "how often it runs depends on data, and so does the size of what it stacks; sizes that "
            "data decides are not supported");
  return carried_types(c, trips.value_or(0), 1);
}

CNNC_OP(If)
    .doc(
        "The results of one of two graphs: of then_branch where cond is true, else of else_branch. "
        "Both get the operands behind cond, which are what they use of the enclosing graph.")
    .onnx({1, 11, 13, 16, 19, 21, 23, 24, 25})
    .input("cond", kBoolType, "")
    .variadic_input("captures", kAnyType, "")
    .variadic_output("outputs")
    .required_attribute("then_branch", std::shared_ptr<Graph>())
    .required_attribute("else_branch", std::shared_ptr<Graph>())
    .infer(if_types);

CNNC_OP(Scan)
    .doc(
        "Runs its body for every element of the scan inputs' first axis. The operands are initial "
        "states, scan inputs and num_captures values that the body uses as they are; the body gets "
        "the states, one element of each scan input and the captures, and returns the new states "
        "and one element of each stacked result. With direction 1 an input or result runs from the "
        "end. The axes that ONNX allows to choose are moved to the front by import.")
    .onnx({9, 11, 16, 19, 21, 23, 24, 25})
    .variadic_input("inputs", kAnyType, "")
    .variadic_output("outputs")
    .required_attribute("body", std::shared_ptr<Graph>())
    .required_attribute("num_scan_inputs", int64_t{1})
    .attribute("num_captures", int64_t{0})
    .attribute("scan_input_directions", Ints{})
    .attribute("scan_output_directions", Ints{})
    .infer(scan_types);

CNNC_OP(Loop)
    .doc(
        "Runs its body M times, or without M for ever, as long as the condition holds. The "
        "operands behind the condition are initial states and num_captures values that the body "
        "uses as they are; the body gets the iteration's number, the condition, states and "
        "captures, and returns the condition, the new states and one element of each stacked "
        "result. With a trip count that no data decides it is a Scan.")
    .onnx({1, 11, 13, 16, 19, 21, 23, 24, 25})
    .optional_input("M", {DType::i64}, "")
    .optional_input("cond", kBoolType, "")
    .variadic_input("inputs", kAnyType, "")
    .variadic_output("outputs")
    .required_attribute("body", std::shared_ptr<Graph>())
    .attribute("num_captures", int64_t{0})
    .infer(loop_types);

}  // namespace
}  // namespace cnnc
