// Runs the text tests of this folder: tests/passes/*.cnnir, see docs/adding-a-pass.md.
//
//   // pass: fold-constants, cse        what to run, in this order
//   // tolerance: 1e-3                  of the numbers, 1e-5 without this line
//   // inputs: positive                 random floats in (0, 1) and not (-1, 1)
//   graph @name(...) ...
//   // expect:                          or `// expect: unchanged`
//   graph @name(...) ...
//
// Each case parses, verifies, runs, compares the whole text, and then interprets both graphs on the same random inputs.
// CNNC_BLESS=1 rewrites what is expected.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/error.h"
#include "passes/passes.h"
#include "tests/support/fake_target.h"
#include "tests/support/random_inputs.h"
#include "tests/support/test_ops.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

struct Case {
  fs::path file;
  size_t first_line = 0;                              // of the file, from 0: the `// pass:` line
  size_t expected_first = 0, expected_end = 0;        // lines of the expected graph
  std::string name, passes, graph, expected;
  double tolerance = 1e-5;
  bool positive = false, unchanged = false;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.file.filename() << ", line " << c.first_line + 1; }

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// "// key: value"
std::optional<std::string> setting(const std::string& line, const std::string& key) {
  const std::string start = "// " + key + ":";
  if (line.compare(0, start.size(), start) != 0) return std::nullopt;
  const size_t value = line.find_first_not_of(' ', start.size());
  return value == std::string::npos ? "" : line.substr(value);
}

// The graph from line `at` to its closing brace, if there is one; moves `at` behind it.
std::string take_graph(const std::vector<std::string>& lines, size_t& at) {
  std::string text;
  if (at == lines.size() || lines[at].compare(0, 5, "graph") != 0) return text;
  while (at < lines.size() && !setting(lines[at], "pass")) {
    text += lines[at] + "\n";
    if (lines[at++] == "}") break;
  }
  return text;
}

Case take_case(const fs::path& file, const std::vector<std::string>& lines, size_t& at) {
  Case c;
  c.file = file;
  c.first_line = at;
  c.passes = *setting(lines[at++], "pass");
  for (; at < lines.size() && lines[at].compare(0, 5, "graph") != 0; ++at) {
    if (const auto value = setting(lines[at], "tolerance")) c.tolerance = std::stod(*value);
    if (const auto value = setting(lines[at], "inputs")) c.positive = *value == "positive";
  }
  c.graph = take_graph(lines, at);
  while (at < lines.size() && !setting(lines[at], "expect")) ++at;
  if (at == lines.size()) throw Error(cat(file.filename().string(), " has a case without `// expect:`"));
  c.unchanged = *setting(lines[at++], "expect") == "unchanged";
  c.expected_first = at;
  if (!c.unchanged) c.expected = take_graph(lines, at);
  c.expected_end = at;
  const size_t name = c.graph.find('@') + 1;
  c.name = c.graph.substr(name, c.graph.find_first_of("(\"", name) - name);
  return c;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(CNNC_SOURCE_DIR) / "tests/passes")) {
    if (entry.path().extension() != ".cnnir") continue;
    const std::vector<std::string> lines = lines_of(entry.path());
    for (size_t at = 0; at < lines.size();) {
      if (setting(lines[at], "pass")) cases.push_back(take_case(entry.path(), lines, at));
      else ++at;
    }
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) {
    return std::tie(a.file, a.first_line) < std::tie(b.file, b.first_line);
  });
  return cases;
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.file.stem().string() + "_" + info.param.name;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name + "_line" + std::to_string(info.param.first_line + 1);
}

// True when one says that it changed something.
bool run_passes(const std::string& names, Graph& graph) {
  Stage stage;
  std::stringstream list(names);
  for (std::string name; std::getline(list, name, ',');) {
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    stage.passes.push_back(pass_named(name));
  }
  const FakeTarget target;
  return PassManager({stage}, {}, target).run(graph);
}

// Cases of one file bless one after the other, so lines move only behind the case at hand.
void bless(const Case& c, const std::string& text) {
  std::vector<std::string> lines = lines_of(c.file);
  std::vector<Case> cases;
  for (size_t at = 0; at < lines.size();) {
    if (setting(lines[at], "pass")) cases.push_back(take_case(c.file, lines, at));
    else ++at;
  }
  const auto now = std::find_if(cases.begin(), cases.end(),
                                [&](const Case& other) { return other.graph == c.graph && other.passes == c.passes; });
  ASSERT_NE(now, cases.end());
  std::ofstream out(c.file);
  for (size_t i = 0; i < now->expected_first; ++i) out << lines[i] << "\n";
  out << text;
  for (size_t i = now->expected_end; i < lines.size(); ++i) out << lines[i] << "\n";
}

class PassText : public testing::TestWithParam<Case> {};

TEST_P(PassText, GivesTheExpectedGraphAndTheSameNumbers) {
  declare_test_ops();
  const Case& c = GetParam();
  const auto before = parse_graph(c.graph);
  const auto after = parse_graph(c.graph);
  const bool changed = run_passes(c.passes, *after);
  const std::string expected = c.unchanged ? print(*before) : c.expected;
  const std::string actual = print(*after);
  if (std::getenv("CNNC_BLESS") && !c.unchanged && actual != expected) bless(c, actual);
  else EXPECT_EQ(actual, expected) << c.file.filename() << ", line " << c.first_line + 1;
  EXPECT_EQ(print(*parse_graph(actual)), actual);
  // The pass manager verifies only what passes say they changed.
  EXPECT_TRUE(changed || actual == print(*before));

  const RandomRange range{c.positive ? 0.0 : -1.0, 1.0};
  const std::vector<Tensor> inputs = random_inputs(*before, small_sizes(*before), 1, range);
  const std::vector<Tensor> want = interpret(*before, inputs), got = interpret(*after, inputs);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(relative_difference(got[i], want[i], c.tolerance), "") << "output " << i;
}

INSTANTIATE_TEST_SUITE_P(Cases, PassText, testing::ValuesIn(all_cases()), test_name);

}  // namespace
}  // namespace cnnc
