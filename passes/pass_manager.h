// Runs passes: the one place that times, verifies, dumps, disables, bisects and explains them.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/target.h"
#include "passes/rewrite.h"

namespace cnnc {

// A step from a graph to a better graph: a function, or a set of rewrites.
struct Pass {
  std::string name;  // "fold-constants"
  std::string doc;   // one line
  // True when something changed.
  std::function<bool(Graph&, const Target&)> run;
  std::function<std::vector<Rewrite>(const Target&)> rewrites;
  // Later passes and code generation rely on it: it is neither disabled nor bisected away.
  bool required = false;
};

// Passes that run in order, and again until nothing changes, but no more than `max_rounds` times.
struct Stage {
  std::vector<Pass> passes;
  int max_rounds = 1;
};
inline constexpr int kUntilFixedPoint = 16;
using Pipeline = std::vector<Stage>;

struct PassOptions {
  // Names of passes; "all" stands for each.
  std::set<std::string> dump_before, dump_after, disabled;
  // Told the graph at each dump; `when` is "before fold-constants" and the like.
  std::function<void(const std::string& when, const Graph&)> dump;
  // Ends the run when this pass has run the first time.
  std::string stop_after;
  // Runs only so many passes that are not required; negative: all.
  int64_t bisect_limit = -1;
  bool verify = true;
  // Names of rewrites to explain, and who is told. "all" stands for each.
  std::set<std::string> explained;
  std::function<void(const std::string& line)> explain;
};

struct PassStatistics {
  std::string name;
  int runs = 0;
  int changes = 0;  // runs that changed something
  double seconds = 0;
};

class PassManager {
 public:
  // Throws Error when the options name a pass or rewrite that the pipeline does not have.
  PassManager(Pipeline pipeline, PassOptions options, const Target& target);

  // True when something changed. Afterwards stopped() tells whether stop_after ended it.
  bool run(Graph& graph);
  bool stopped() const { return stopped_; }
  // In order of first run.
  const std::vector<PassStatistics>& statistics() const { return statistics_; }
  // How many passes that bisecting may leave out have run; the range for bisect_limit.
  int64_t bisectable_runs() const { return bisectable_runs_; }
  // The last of them, "fold-constants": the culprit when the limit is the smallest that fails.
  const std::string& last_bisectable() const { return last_bisectable_; }

 private:
  bool run_stage(const Stage& stage, Graph& graph);
  bool run_pass(const Pass& pass, Graph& graph);
  bool apply(const Pass& pass, Graph& graph);
  bool left_out(const Pass& pass);
  void dump(const std::set<std::string>& names, const char* when, const Pass& pass, const Graph& graph) const;
  ExplainFn explain_fn() const;
  void check_names() const;

  Pipeline pipeline_;
  PassOptions options_;
  const Target& target_;
  std::vector<PassStatistics> statistics_;
  int64_t bisectable_runs_ = 0;
  std::string last_bisectable_;
  bool stopped_ = false;
};

}  // namespace cnnc
