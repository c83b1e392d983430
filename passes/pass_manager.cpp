#include "passes/pass_manager.h"

#include <algorithm>
#include <chrono>

#include "ir/error.h"

namespace cnnc {

static bool names(const std::set<std::string>& set, const std::string& name) {
  return set.count(name) != 0 || set.count("all") != 0;
}

PassManager::PassManager(Pipeline pipeline, PassOptions options, const Target& target)
    : pipeline_(std::move(pipeline)), options_(std::move(options)), target_(target) {
  check_names();
}

static void check_known(const std::set<std::string>& asked, const std::set<std::string>& known, const char* what) {
  for (const std::string& name : asked) {
    if (name == "all" || known.count(name)) continue;
    std::string list;
    for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
    throw Error(cat("there is no ", what, " ", quoted(name), " here; there are: ", list), Fault::usage);
  }
}

void PassManager::check_names() const {
  std::set<std::string> passes, rewrites;
  for (const Stage& stage : pipeline_) {
    for (const Pass& pass : stage.passes) {
      passes.insert(pass.name);
      if (!pass.rewrites || options_.explained.empty()) continue;
      for (const Rewrite& rewrite : pass.rewrites(target_)) rewrites.insert(rewrite.name);
    }
  }
  for (const auto* asked : {&options_.dump_before, &options_.dump_after, &options_.disabled})
    check_known(*asked, passes, "pass");
  if (!options_.stop_after.empty()) check_known({options_.stop_after}, passes, "pass");
  check_known(options_.explained, rewrites, "rewrite");
}

bool PassManager::run(Graph& graph) {
  bool changed = false;
  if (options_.verify) verify(graph);
  for (const Stage& stage : pipeline_)
    if (!stopped_) changed |= run_stage(stage, graph);
  return changed;
}

bool PassManager::run_stage(const Stage& stage, Graph& graph) {
  bool changed = false;
  for (int round = 0; round < stage.max_rounds; ++round) {
    bool round_changed = false;
    for (const Pass& pass : stage.passes) {
      round_changed |= run_pass(pass, graph);
      if (pass.name == options_.stop_after) {
        stopped_ = true;
        return changed | round_changed;
      }
    }
    if (!round_changed) break;
    changed = true;
  }
  return changed;
}

bool PassManager::left_out(const Pass& pass) {
  if (pass.required) return false;
  if (names(options_.disabled, pass.name)) return true;
  if (options_.bisect_limit >= 0 && bisectable_runs_ >= options_.bisect_limit) return true;
  ++bisectable_runs_;
  last_bisectable_ = pass.name;
  return false;
}

bool PassManager::run_pass(const Pass& pass, Graph& graph) {
  if (left_out(pass)) return false;
  dump(options_.dump_before, "before ", pass, graph);
  const auto start = std::chrono::steady_clock::now();
  const bool changed = apply(pass, graph);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  auto it = std::find_if(statistics_.begin(), statistics_.end(), [&](const auto& s) { return s.name == pass.name; });
  if (it == statistics_.end()) it = statistics_.insert(statistics_.end(), {pass.name});
  it->runs += 1;
  it->changes += changed;
  it->seconds += time.count();
  dump(options_.dump_after, "after ", pass, graph);
  return changed;
}

bool PassManager::apply(const Pass& pass, Graph& graph) {
  try {
    const bool changed =
        pass.rewrites ? apply_rewrites(graph, pass.rewrites(target_), explain_fn()) : pass.run(graph, target_);
    if (options_.verify && changed) verify(graph);
    return changed;
  } catch (Error& e) {
    e.while_doing(cat("running pass ", pass.name, " on graph ", quoted(graph.name())));
    throw;
  }
}

void PassManager::dump(const std::set<std::string>& asked, const char* when, const Pass& pass,
                       const Graph& graph) const {
  if (options_.dump && names(asked, pass.name)) options_.dump(when + pass.name, graph);
}

ExplainFn PassManager::explain_fn() const {
  if (options_.explained.empty() || !options_.explain) return nullptr;
  return [this](const Rewrite& rewrite, const Node& root, const std::string& reason) {
    if (!names(options_.explained, rewrite.name)) return;
    options_.explain(cat(rewrite.name, " at ", root.description(), ": ", reason.empty() ? "applied" : "no: " + reason));
  };
}

}  // namespace cnnc
