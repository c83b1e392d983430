// Which kernel computes each node: an ordered list of candidates, each of which accepts or says why not.
#include <algorithm>
#include <functional>
#include <set>

#include "codegen/all_reduce_steps.h"
#include "codegen/compile.h"
#include "codegen/dnnl/steps.h"
#include "codegen/in_place.h"
#include "codegen/packing.h"
#include "codegen/scatter_steps.h"
#include "codegen/strings.h"
#include "codegen/transposition.h"
#include "codegen/weight_gradient.h"
#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "passes/regions.h"

namespace cnnc::codegen {

namespace {

using Refusal = std::optional<std::string>;

struct Candidate {
  const char* name;
  std::function<Refusal(const Node&, const TargetSpec&)> refusal;
};

// The weight operand of a contraction, when it is one of the node's own operands and not transposed in the body.
Value* weight_operand(const Node& node, const ContractionView& view) {
  const Value* in_root = view.root->input(1);
  if (view.root != &node && in_root->producer() != nullptr) return nullptr;
  return node.input(static_cast<size_t>(view.operands[1].operand));
}

Refusal packed_refusal(const Node& node, const TargetSpec& target,
                       Refusal (*kernel)(const ContractionView&, const TargetSpec&)) {
  std::string why_not;
  const auto view = contraction_view(node, &why_not);
  if (!view) return why_not;
  if (view->root->attribute("weight_shape")) return "its weights are packed already";
  if (auto refusal = kernel(*view, target)) return refusal;
  const Value* weights = weight_operand(node, *view);
  if (weights == nullptr) return "its weights are transposed in the body";
  if (view->root->is("MatMul") && weights->constant() == nullptr) return "B is not constant";
  return std::nullopt;
}

const std::vector<Candidate>& llvm_candidates() {
  static const std::vector<Candidate> kCandidates = {
      {"llvm:depthwise", [](const Node& n, const TargetSpec& t) { return packed_refusal(n, t, depthwise_refusal); }},
      {"llvm:winograd", [](const Node& n, const TargetSpec& t) { return packed_refusal(n, t, winograd_refusal); }},
      {"llvm:contract", [](const Node& n, const TargetSpec& t) { return packed_refusal(n, t, contract_refusal); }},
      {"llvm:matmul",
       [](const Node& n, const TargetSpec&) -> Refusal {
         std::string why_not;
         const auto view = contraction_view(n, &why_not);
         return view ? matmul_refusal(*view) : why_not;
       }},
      {"llvm:winograd_gradient",
       [](const Node& n, const TargetSpec&) -> Refusal {
         if (!n.is("WinogradWeightGradient")) return "it is no gradient at the points of Winograd's filtering";
         return std::nullopt;
       }},
      {"llvm:weight_gradient", [](const Node& n, const TargetSpec&) { return weight_gradient_refusal(n); }},
      {"llvm:transpose", [](const Node& n, const TargetSpec&) { return transpose_refusal(n); }},
      {kStringKernel, [](const Node& n, const TargetSpec&) { return string_step_refusal(n); }},
      {"llvm:for_each",
       [](const Node& n, const TargetSpec&) -> Refusal {
         if (!n.is("ForEach")) return "it is no ForEach";
         return std::nullopt;
       }},
      {kAllReduceKernel, [](const Node& n, const TargetSpec&) { return all_reduce_refusal(n); }},
      {kScatterKernel, [](const Node& n, const TargetSpec&) { return scatter_refusal(n); }},
      {"runtime:sorted_places",
       [](const Node& n, const TargetSpec&) -> Refusal {
         if (!n.is("SortedPlaces")) return "it computes SortedPlaces, this is " + n.op_name();
         return std::nullopt;
       }},
      {"llvm:loops",
       [](const Node& n, const TargetSpec&) -> Refusal {
         for (size_t i = 0; i < n.output_count(); ++i) {
           std::string why_not;
           if (n.output(i)->use_count() > 0 && !loop_nest(n, static_cast<int>(i), &why_not)) return why_not;
         }
         return std::nullopt;
       }},
  };
  return kCandidates;
}

const std::vector<Candidate>& dnnl_candidates() {
  auto candidate = [](const char* name) {
    return Candidate{name, [name](const Node& n, const TargetSpec&) { return dnnl_refusal(name, n); }};
  };
  static const std::vector<Candidate> kCandidates = {candidate("dnnl:convolution"), candidate("dnnl:matmul"),
                                                     candidate("dnnl:pooling")};
  return kCandidates;
}

// LLVM kernels are as fast where both exist and need no library, so oneDNN comes first only when it is asked for, and
// otherwise takes the contractions that no LLVM kernel but the plain loops does.
std::vector<Candidate> candidates(Kernels kernels) {
  std::vector<Candidate> list = llvm_candidates();
  const std::vector<Candidate>& dnnl = dnnl_candidates();
  if (kernels == Kernels::dnnl) list.insert(list.begin(), dnnl.begin(), dnnl.end());
  if (kernels == Kernels::automatic) list.insert(std::prev(list.end()), dnnl.begin(), dnnl.begin() + 2);
  return list;
}

bool is_computed(const Node& node) { return !node.is("Constant") && !node.op().is_view(); }

Value* initially_true(Graph& graph) {
  Tensor yes(DType::boolean, {});
  yes.set_int(0, 1);
  return graph.constant(yes);
}

// Every output gets memory of its own: inputs, constants and values returned twice are copied.
void copy_shared_outputs(Graph& graph) {
  std::set<const Value*> taken;
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    Value* value = graph.outputs()[i];
    const Value* root = root_of(value);
    if (root == graph.updated_input(i)) continue;  // it stays what it is
    const bool own = root->producer() && is_computed(*root->producer()) && taken.insert(root).second;
    if (own) continue;
    graph.append_at_end();
    graph.set_output(i, graph.make("Copy", {value}));
  }
}

// The states of a loop, and a Loop's condition, are updated in place: in copies of the initial ones, at the end of a trip.
void copy_states(Node& loop) {
  const CarriedParts parts = carried_parts(loop);
  Graph &graph = loop.graph(), &body = *loop.region("body");
  const size_t conditions = loop.is("Loop") ? 1 : 0;
  {
    const InsertBefore here(loop);
    for (size_t i = parts.first - conditions; i < parts.first + parts.states; ++i)
      loop.set_input(i, graph.make("Copy", {loop.input(i) ? loop.input(i) : initially_true(graph)}));
  }
  copy_shared_outputs(body);  // these read states as they were
  body.append_at_end();
  for (size_t i = 0; i < conditions + parts.states; ++i) body.set_output(i, body.make("Copy", {body.outputs()[i]}));
}

// The weights in the kernel's panels; folded now when they are constant, else the node has no kernel yet.
Value* packed(Graph& graph, Value* weights, const PanelPacking& packing) {
  Node* pack = graph.add("PackPanels", {weights},
                         {{"group", packing.groups}, {"nr", packing.nr}, {"layout", packing.layout}});
  const Tensor* constant = weights->constant();
  if (constant == nullptr) return pack->output();
  Value* folded = graph.constant(interpret_node(*pack, {constant})[0]);
  folded->set_name(weights->name());
  graph.erase(pack);
  if (weights->use_count() == 0) graph.erase(weights->producer());
  return folded;
}

// Returns the panels.
Value* pack_weights(Graph& graph, Node& node, const std::string& kernel, const TargetSpec& target) {
  const ContractionView view = *contraction_view(node);
  const PanelPacking packing = kernel == "llvm:depthwise"  ? depthwise_packing(view, target)
                               : kernel == "llvm:winograd" ? winograd_packing(view, target)
                                                           : contract_packing(view, target);
  Value* weights = weight_operand(node, view);
  Ints sizes = weights->type().shape();
  if (packing.layout == "OI" && view.root->is("MatMul")) std::swap(sizes[0], sizes[1]);
  // The root is this node or one of its body; both are ours to change.
  auto* root = const_cast<Node*>(view.root);
  const auto operand = static_cast<size_t>(view.operands[1].operand);
  const InsertBefore here(node);
  node.set_input(operand, nullptr);
  Value* panels = packed(graph, weights, packing);
  node.set_input(operand, panels);
  if (root != &node) root->graph().inputs()[operand]->set_type(panels->type());
  root->set_attribute("weight_shape", sizes);
  root->remove_attribute("transB");
  root->infer();
  return panels;
}

}  // namespace

const std::string& kernel_named(const std::string& name) {
  std::string names;
  for (const auto* list : {&llvm_candidates(), &dnnl_candidates()})
    for (const Candidate& candidate : *list) {
      if (candidate.name == name) return name;
      names += cat(names.empty() ? "" : ", ", candidate.name);
    }
  throw Error(cat("there is no kernel ", quoted(name), "; there are ", names), Fault::usage);
}

std::vector<KernelChoice> kernel_candidates(const Node& node, const CompileOptions& options) {
  std::vector<KernelChoice> choices;
  for (const Candidate& candidate : candidates(options.kernels)) {
    std::string refusal = candidate.refusal(node, options.target).value_or("");
    if (refusal.empty() && options.disabled_kernels.count(candidate.name) > 0) refusal = "it is disabled";
    choices.push_back({candidate.name, std::move(refusal)});
  }
  return choices;
}

// The first candidate that accepts; or nothing, and why none does is added to `problems`.
static std::string first_candidate(const Node& node, const CompileOptions& options, std::string& problems) {
  const std::vector<KernelChoice> choices = kernel_candidates(node, options);
  const auto chosen =
      std::find_if(choices.begin(), choices.end(), [](const KernelChoice& c) { return c.refusal.empty(); });
  if (chosen != choices.end()) return chosen->candidate;
  problems += cat(problems.empty() ? "" : "\n", node.description(), ": no kernel computes it");
  for (const KernelChoice& c : choices) problems += cat("\n  ", c.candidate, ": ", c.refusal);
  return "";
}

// Copies of states come before their loop, so they are made before the walk.
static void prepare_loops(Graph& graph) {
  for (const auto& node : graph.nodes())
    if (node->is("Scan") || node->is("Loop")) copy_states(*node);
}

static void select_kernels(Graph& graph, const CompileOptions& options, std::string& problems) {
  copy_shared_outputs(graph);
  prepare_loops(graph);
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it++;
    if (is_control_flow(node)) {
      for_each_region(node, [&](Graph& region) { select_kernels(region, options, problems); });
      continue;
    }
    if (!is_computed(node)) continue;
    const std::string kernel = first_candidate(node, options, problems);
    if (kernel.empty()) continue;
    node.set_attribute("kernel", kernel);
    if (kernel != "llvm:contract" && kernel != "llvm:depthwise" && kernel != "llvm:winograd") continue;
    Node& packing = *pack_weights(graph, node, kernel, options.target)->producer();
    if (is_computed(packing)) packing.set_attribute("kernel", first_candidate(packing, options, problems));
  }
}

void select_kernels(Graph& graph, const CompileOptions& options) {
  std::string problems;
  select_kernels(graph, options, problems);
  if (!problems.empty()) throw Error(problems);
}

}  // namespace cnnc::codegen
