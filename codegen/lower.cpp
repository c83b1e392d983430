#include "codegen/lower.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <set>

#include "codegen/all_reduce_steps.h"
#include "codegen/cost.h"
#include "codegen/dnnl/steps.h"
#include "codegen/in_place.h"
#include "codegen/memory_operand.h"
#include "codegen/scatter_steps.h"
#include "codegen/strings.h"
#include "codegen/updates.h"
#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/op_def.h"
#include "ir/size_conditions.h"
#include "passes/regions.h"

namespace cnnc::codegen {

namespace {

constexpr uint64_t kWeightAlignment = 64;

class Lowering {
 public:
  Lowering(const Graph& graph, ObjectBuilder& builder) : graph_(graph), builder_(builder) {}

  LoweredProgram lower() {
    add_symbols();
    for (const auto& input : graph_.inputs()) add_input(*input);
    for (size_t i = 0; i < graph_.outputs().size(); ++i) add_output(i);
    for (const SizeCondition& c : graph_.conditions()) add_condition(c);
    size_t positions = 0;
    find_last_uses(graph_, positions);
    for (const auto& node : graph_.nodes()) add_node(*node);
    result_.program.value_count = builder_.value_count();
    return std::move(result_);
  }

 private:
  Program& program() { return result_.program; }

  void add_symbols() {
    for (const std::string& name : graph_.symbols()) program().symbols.push_back({name, kNone});
  }

  ProgramTensor tensor(const Type& type, const std::string& name) {
    ProgramTensor t;
    t.name = name;
    t.dtype = static_cast<int32_t>(type.dtype);
    for (const Dim& d : type.dims) {
      ProgramDim dim;
      dim.value = builder_.value(d);
      dim.text = d.str();
      if (d.is_const()) dim.fixed = d.value();
      if (const auto symbol = d.as_symbol()) {
        const auto names = graph_.symbols();
        const auto it = std::find(names.begin(), names.end(), *symbol);
        if (it != names.end()) dim.symbol = static_cast<uint32_t>(it - names.begin());
      }
      t.dims.push_back(std::move(dim));
    }
    return t;
  }

  uint32_t new_buffer(BufferKind kind, const Type& type, uint32_t base = 0) {
    ProgramBuffer buffer;
    buffer.kind = kind;
    buffer.bytes_value = builder_.value(type.bytes());
    buffer.base = base;
    buffer.first_step = buffer.last_step = static_cast<uint32_t>(program().steps.size());
    program().buffers.push_back(buffer);
    return static_cast<uint32_t>(program().buffers.size() - 1);
  }

  void add_input(const Value& input) {
    buffers_[&input] = new_buffer(BufferKind::input, input.type(), static_cast<uint32_t>(program().inputs.size()));
    program().inputs.push_back(tensor(input.type(), input.name()));
  }

  void add_output(size_t index) {
    const Value* value = graph_.outputs()[index];
    const Value* root = root_of(value);
    const std::string& name = graph_.output_names()[index];
    program().outputs.push_back(tensor(value->type(), name.empty() ? value->name() : name));
    if (const Value* input = graph_.updated_input(index)) {
      CNNC_CHECK(is_in_place(graph_, index)) << "output " << index << " overwrites an input that is read later";
      program().outputs.back().updates = static_cast<uint32_t>(input->index());
      buffers_[root] = buffers_.at(input);
      return;
    }
    CNNC_CHECK(root->producer() && !root->producer()->is("Constant") && !buffers_.count(root))
        << "output " << index << " has no memory of its own";
    buffers_[root] = new_buffer(BufferKind::output, value->type(), static_cast<uint32_t>(index));
  }

  // The position of the last node that uses a value or a view of it. Nodes of regions come before their node.
  void find_last_uses(const Graph& graph, size_t& position) {
    for (const auto& node : graph.nodes()) {
      if (is_control_flow(*node))
        for_each_region(*node, [&](const Graph& region) { find_last_uses(region, position); });
      for (const Value* operand : node->inputs())
        if (operand) last_use_[root_of(operand)] = position;
      ++position;
    }
    if (&graph == &graph_) return;
    // What a region returns is read behind it.
    for (const Value* output : graph.outputs()) last_use_[root_of(output)] = position;
  }

  void add_node(const Node& node) {
    if (is_control_flow(node)) {
      if (node.is("If")) add_if(node);
      else add_loop(node);
      ++position_;
      return;
    }
    const size_t position = position_++;
    for (const SizeCondition& c : size_conditions(node)) add_condition(c);
    if (node.is("Constant")) return;  // placed when a kernel reads it
    if (node.op().is_view()) {
      if (!node.input(0)->constant()) buffers_[node.output()] = buffer_of(*node.input(0));
      else constants_[node.output()] = node.input(0)->constant();
      return;
    }
    std::vector<int> outputs;
    for (size_t i = 0; i < node.output_count(); ++i) {
      const Value& result = *node.output(i);
      if (result.use_count() == 0 && !computes_together(node)) continue;
      // Without elements there is nothing to compute, and kernels need not provide for it.
      if (result.type().element_count() == 0 && !node.is("ForEach")) add_empty(result);
      else outputs.push_back(static_cast<int>(i));
    }
    if (outputs.empty()) return;
    if (computes_together(node)) return add_step(node, outputs, position);
    for (int output : outputs) add_step(node, {output}, position);
  }

  void add_condition(const SizeCondition& condition) {
    const uint32_t value = builder_.value(condition.zero);
    std::vector<ProgramCondition>& all = program().conditions;
    const auto same = [&](const ProgramCondition& c) { return c.value == value; };
    if (std::none_of(all.begin(), all.end(), same)) all.push_back({value, condition.text});
  }

  void add_empty(const Value& result) {
    if (!buffers_.count(&result)) buffers_[&result] = new_buffer(BufferKind::arena, result.type());
  }

  uint32_t buffer_of(const Value& value) {
    if (auto it = buffers_.find(&value); it != buffers_.end()) return it->second;
    auto it = constants_.find(&value);
    const Tensor* tensor = it != constants_.end() ? it->second : value.constant();
    CNNC_CHECK(tensor != nullptr) << "value " << value.name() << " is used before it is computed";
    return buffers_[&value] = constant_buffer(*tensor, value.type());
  }

  uint32_t constant_buffer(const Tensor& tensor, const Type& type) {
    if (auto it = constant_buffers_.find(tensor.raw()); it != constant_buffers_.end()) return it->second;
    const bool strings = tensor.dtype() == DType::string;
    const Tensor stored = strings && !tensor.is_elided() ? stored_strings(tensor) : tensor;
    const uint32_t buffer = new_buffer(strings ? BufferKind::strings : BufferKind::constant, type);
    Weights& weights = result_.weights;
    weights.bytes = (weights.bytes + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
    program().buffers[buffer].offset = weights.bytes;
    weights.parts.push_back({weights.bytes, stored});
    weights.bytes += stored.bytes();
    return constant_buffers_[tensor.raw()] = buffer;
  }

  // What a step calls and what it reads.
  struct Call {
    ProgramStep step;  // kernel, sizes, tasks, scratch, parameters
    std::vector<int> operands;
  };

  Call kernel_call(const Node& node, int output, const std::string& kernel) {
    const KernelCall call = builder_.add_kernel(kernel, node, output);
    Call result;
    result.operands = call.operands;
    result.step.kernel = call.kernel;
    result.step.sizes = call.sizes;
    result.step.tasks_value = call.tasks_value;
    result.step.scratch_value = call.scratch_value;
    return result;
  }

  Call library_call(const Node& node, const std::string& kernel) {
    const LibraryCall call = kernel == kStringKernel      ? string_step_call(node)
                             : kernel == kAllReduceKernel ? all_reduce_call(node)
                             : kernel == kScatterKernel   ? scatter_call(node)
                                                          : dnnl_call(kernel, node);
    std::vector<std::string>& libraries = result_.libraries;
    auto it = std::find(libraries.begin(), libraries.end(), call.symbol);
    if (it == libraries.end()) it = libraries.insert(libraries.end(), call.symbol);
    Call result;
    result.operands = call.operands;
    result.step.kernel = static_cast<uint32_t>(it - libraries.begin());
    result.step.flags = kLibraryStep;
    for (const Dim& d : call.sizes) result.step.sizes.push_back(builder_.value(d));
    result.step.tasks_value = builder_.value(1);
    result.step.params = call.params;
    return result;
  }

  // The step of one output, or of all that are computed together.
  void add_step(const Node& node, const std::vector<int>& outputs, size_t position) {
    const std::string kernel = node.string_attribute("kernel");
    const bool by_library = kernel == kStringKernel || kernel == kAllReduceKernel || kernel == kScatterKernel ||
                            is_dnnl_kernel(kernel);
    Call call = by_library ? library_call(node, kernel) : kernel_call(node, outputs[0], kernel);
    ProgramStep& step = call.step;
    for (int operand : call.operands)
      step.operands.push_back({buffer_of(*node.input(static_cast<size_t>(operand))), kRead});
    std::set<uint32_t> taken;  // by the step's results
    for (int output : outputs) {
      const Value& result = *node.output(static_cast<size_t>(output));
      if (!buffers_.count(&result)) buffers_[&result] = result_buffer(node, output, call.operands, position, taken);
      step.operands.push_back({buffers_.at(&result), kWrite});
      taken.insert(buffers_.at(&result));
    }
    step.name = unique_name(node, *node.output(static_cast<size_t>(outputs[0])));
    step.kernel_name = kernel;
    step.sources = sources_of(node);
    set_cost(step, node, outputs, call.operands);
    const auto now = static_cast<uint32_t>(program().steps.size());
    for (const OperandRecord& o : step.operands) program().buffers[o.buffer].last_step = now;
    program().steps.push_back(std::move(step));
  }

  // A new buffer, or that of an operand that ends here and may be overwritten.
  uint32_t result_buffer(const Node& node, int output, const std::vector<int>& operands, size_t position,
                         const std::set<uint32_t>& taken) {
    for (int operand : in_place_operands(node, node.string_attribute("kernel"), output)) {
      const Value* root = root_of(node.input(static_cast<size_t>(operand)));
      // A region's input is the enclosing graph's value, or a state that is read in the next trip.
      if (root->producer() == nullptr) continue;
      auto it = buffers_.find(root);
      if (it == buffers_.end() || program().buffers[it->second].kind != BufferKind::arena) continue;
      if (taken.count(it->second) || last_use_.at(root) != position || shared_elsewhere(it->second, root, position)) continue;
      if (std::find(operands.begin(), operands.end(), operand) == operands.end()) continue;
      return it->second;
    }
    return new_buffer(BufferKind::arena, node.output(static_cast<size_t>(output))->type());
  }

  // Whether another value that lives in this buffer is needed later.
  bool shared_elsewhere(uint32_t buffer, const Value* root, size_t position) const {
    return std::any_of(buffers_.begin(), buffers_.end(), [&](const auto& entry) {
      const Value* other = root_of(entry.first);
      if (entry.second != buffer || other == root) return false;
      const auto it = last_use_.find(other);
      return it != last_use_.end() && it->second > position;
    });
  }

  // ---- control flow

  // Control steps' targets are set when the steps that they go to are known.
  struct ControlStep {
    ControlOp op;
    ControlParams params{kNone, 0, kNone, 0};
    std::vector<OperandRecord> operands = {};
  };

  static std::vector<uint8_t> bytes_of(const ControlParams& params) {
    const auto* first = reinterpret_cast<const uint8_t*>(&params);
    return {first, first + sizeof params};
  }

  uint32_t add_control(const Node& node, ControlStep control) {
    static const char* const kNames[] = {"branch", "jump", "loop", "repeat"};
    ProgramStep step;
    step.flags = kControlStep;
    step.kernel = static_cast<uint32_t>(control.op);
    step.kernel_name = cat("control:", kNames[step.kernel]);
    step.name = unique_name(node.origins().empty() ? node.op_name() : node.origins().first());
    step.sources = sources_of(node);
    step.tasks_value = builder_.value(1);
    step.params = bytes_of(control.params);
    step.operands = std::move(control.operands);
    const auto now = static_cast<uint32_t>(program().steps.size());
    for (const OperandRecord& o : step.operands) program().buffers[o.buffer].last_step = now;
    program().steps.push_back(std::move(step));
    return now;
  }

  void set_target(uint32_t step, uint32_t target) {
    std::vector<uint8_t>& params = program().steps[step].params;
    std::memcpy(params.data() + offsetof(ControlParams, target), &target, sizeof target);
  }

  uint32_t next_step() { return static_cast<uint32_t>(program().steps.size()); }

  // Where a region's input lies, and which memory its outputs are computed into.
  void add_region(const Graph& region) {
    for (const auto& node : region.nodes()) add_node(*node);
  }

  void bind_captures(const Graph& region, size_t first_input, const Node& node, size_t first_operand, size_t count) {
    for (size_t i = 0; i < count; ++i)
      buffers_[region.inputs()[first_input + i].get()] = buffer_of(*node.input(first_operand + i));
  }

  uint32_t buffer_of_result(const Value& result) {
    const Value* root = root_of(&result);
    if (!buffers_.count(root)) buffers_[root] = new_buffer(BufferKind::arena, result.type());
    return buffers_.at(root);
  }

  void add_branch(const Node& node, const Graph& branch) {
    bind_captures(branch, 0, node, 1, node.inputs().size() - 1);
    for (size_t i = 0; i < node.output_count(); ++i)
      buffers_[root_of(branch.outputs()[i])] = buffer_of_result(*node.output(i));
    add_region(branch);
  }

  // branch, then_branch, jump, else_branch
  void add_if(const Node& node) {
    for (size_t i = 0; i < node.output_count(); ++i) buffer_of_result(*node.output(i));
    const uint32_t branch =
        add_control(node, {.op = ControlOp::branch, .operands = {{buffer_of(*node.input(0)), kRead}}});
    add_branch(node, *node.region("then_branch"));
    const uint32_t jump = add_control(node, {.op = ControlOp::jump});
    set_target(branch, next_step());
    add_branch(node, *node.region("else_branch"));
    set_target(jump, next_step());
  }

  // loop, body, repeat. The states' memory is that of the initial states, which are copies made for it
  // (codegen/select_kernels.cpp); slices of what the loop runs along are addressed by the loop step.
  void add_loop(const Node& node) {
    const CarriedParts parts = carried_parts(node);
    const Graph& body = *node.region("body");
    const size_t leading = node.is("Loop") ? 1 : 0;  // outputs of the body before the states
    const auto loop = static_cast<uint32_t>(program().steps.size());
    ControlStep control{.op = ControlOp::loop};
    std::vector<OperandRecord> alive;
    control.operands.push_back({new_buffer(BufferKind::arena, {DType::i64, {}}), kWrite});
    alive.push_back(control.operands[0]);
    if (node.is("Loop")) add_loop_operands(node, control, alive);
    else control.params.trips_value = builder_.value(node.input(parts.first_slice())->dim(0));
    const size_t first_input = node.is("Loop") ? 2 : 0;
    for (size_t i = 0; i < parts.states; ++i) {
      const uint32_t state = buffer_of(*node.input(parts.first + i));
      buffers_[body.inputs()[first_input + i].get()] = state;
      buffers_[body.outputs()[leading + i]] = state;
      alive.push_back({state, kReadWrite});
    }
    for (size_t i = 0; i < parts.slices; ++i) {
      const Value& whole = *node.input(parts.first_slice() + i);
      buffers_[body.inputs()[parts.states + i].get()] =
          slice(loop, control, {buffer_of(whole), kRead}, body.inputs()[parts.states + i]->type(),
                runs_backwards(node, "scan_input_directions", i));
    }
    for (size_t i = parts.states; i < node.output_count(); ++i) {
      const Value* element = body.outputs()[leading + i];
      buffers_[root_of(element)] =
          slice(loop, control, {buffer_of_result(*node.output(i)), kWrite}, element->type(),
                node.is("Scan") && runs_backwards(node, "scan_output_directions", i - parts.states));
    }
    bind_captures(body, body.inputs().size() - parts.captures, node, parts.first_capture(), parts.captures);
    for (size_t i = 0; i < parts.captures; ++i)
      alive.push_back({buffer_of(*node.input(parts.first_capture() + i)), kRead});
    alive.insert(alive.end(), control.operands.begin(), control.operands.end());
    add_control(node, std::move(control));
    add_region(body);
    const uint32_t repeat = add_control(node, {.op = ControlOp::repeat, .operands = unique(alive)});
    set_target(loop, repeat);
    set_target(repeat, loop);
    for (size_t i = 0; i < parts.states; ++i) buffers_[node.output(i)] = buffer_of(*node.input(parts.first + i));
  }

  // Trip count and condition of a Loop. The condition has memory of its own, which the body writes.
  void add_loop_operands(const Node& node, ControlStep& control, std::vector<OperandRecord>& alive) {
    const Graph& body = *node.region("body");
    buffers_[body.inputs()[0].get()] = control.operands[0].buffer;
    if (node.input(0) != nullptr) {
      control.params.flags |= kTripsOperand;
      control.operands.push_back({buffer_of(*node.input(0)), kRead});
    }
    control.params.flags |= kConditionOperand;
    const uint32_t condition = buffer_of(*node.input(1));
    buffers_[body.inputs()[1].get()] = condition;
    buffers_[body.outputs()[0]] = condition;
    control.operands.push_back({condition, kRead});
    alive.push_back({condition, kReadWrite});
  }

  uint32_t slice(uint32_t loop, ControlStep& control, OperandRecord whole, const Type& element, bool backwards) {
    const uint32_t buffer = new_buffer(BufferKind::slice, element, whole.buffer);
    program().buffers[buffer].offset = loop;
    program().buffers[buffer].offset_value = backwards ? 1 : 0;
    control.operands.push_back(whole);
    return buffer;
  }

  static std::vector<OperandRecord> unique(const std::vector<OperandRecord>& operands) {
    std::map<uint32_t, uint32_t> access;
    for (const OperandRecord& o : operands) access[o.buffer] |= o.access;
    std::vector<OperandRecord> result;
    for (const auto& [buffer, how] : access) result.push_back({buffer, how});
    return result;
  }

  static std::string sources_of(const Node& node) {
    std::string sources;
    for (const std::string& origin : node.origins().names()) sources += (sources.empty() ? "" : "\n") + origin;
    return sources;
  }

  std::string unique_name(const Node& node, const Value& result) {
    const bool one = node.output_count() == 1;
    return unique_name(one && !result.name().empty() ? result.name() : !node.origins().empty() ? node.origins().first() : node.op_name());
  }

  std::string unique_name(const std::string& name) {
    const int count = names_[name]++;
    return count == 0 ? name : cat(name, "#", count);
  }

  void set_cost(ProgramStep& step, const Node& node, const std::vector<int>& outputs, const std::vector<int>& operands) {
    Dim flops = 0, bytes = 0;
    for (int output : outputs) {
      flops = flops + flops_of(node, output);
      bytes = bytes + node.output(static_cast<size_t>(output))->type().bytes();
    }
    for (int operand : operands) bytes = bytes + node.input(static_cast<size_t>(operand))->type().bytes();
    step.flops_value = builder_.value(flops);
    step.bytes_value = builder_.value(bytes);
  }

  const Graph& graph_;
  ObjectBuilder& builder_;
  LoweredProgram result_;
  std::map<const Value*, uint32_t> buffers_;
  std::map<const Value*, const Tensor*> constants_;  // views of constants
  std::map<const void*, uint32_t> constant_buffers_;
  std::map<const Value*, size_t> last_use_;
  std::map<std::string, int> names_;
  size_t position_ = 0;
};

}  // namespace

LoweredProgram lower(const Graph& graph, ObjectBuilder& builder) { return Lowering(graph, builder).lower(); }

}  // namespace cnnc::codegen
