// Random graphs: all engines, one answer.
//
// CNNC_FUZZ_SEED and CNNC_FUZZ_GRAPHS choose other graphs than those that every run looks at, and
// CNNC_FUZZ_TRACE=1 tells what runs next, for crashes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "ir/error.h"
#include "tests/fuzz/random_graph.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/network_difference.h"
#include "tests/support/random_inputs.h"

namespace cnnc {
namespace {

constexpr int kParts = 8;
// Inputs and weights are in [-1, 1).
constexpr double kScale = 1;

uint64_t number_of(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Engines may refuse too, or not notice because passes left out what does not fit; all come back.
void try_to_run(const Engine& engine, const Graph& graph, const std::vector<Tensor>& inputs) {
  try {
    engine.run(graph, inputs);
  } catch (const Error&) {
  }
}

std::string disagreement(const Engine& engine, const Graph& graph, const std::vector<Tensor>& inputs,
                         const std::vector<Tensor>& expected) {
  if (number_of("CNNC_FUZZ_TRACE", 0) > 0) std::cerr << engine.name << "\n" << print(graph);
  try {
    const std::vector<Tensor> actual = engine.run(graph, inputs);
    for (size_t i = 0; i < expected.size(); ++i)
      if (const std::string what = network_difference(expected[i], actual[i], kScale); !what.empty())
        return cat("output ", i, ", ", what);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// Values that are computed again have the same bits.
std::string change_by_recomputing(const Graph& graph, const std::vector<Tensor>& inputs, int64_t batch) {
  const std::vector<Tensor> plain = jit_run(graph, inputs), frugal = frugal_run(graph, inputs, {{kFuzzBatch, batch}});
  for (size_t i = 0; i < plain.size(); ++i)
    if (!plain[i].identical(frugal[i])) return cat("output ", i, " changes within the least memory");
  return "";
}

// Nothing where the graph cannot be computed with inputs of these sizes.
std::optional<std::vector<Tensor>> reference(const Graph& graph, const std::vector<Tensor>& inputs) {
  try {
    return interpret(graph, inputs);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// What is wrong with the graph of that seed and so many steps; empty when all engines agree.
std::string failure(uint64_t seed, int steps) {
  const auto graph = random_graph(seed, steps);
  verify(*graph);
  for (int64_t batch : {1, 3}) {
    const auto inputs = random_inputs(*graph, {{kFuzzBatch, batch}}, seed);
    const auto expected = reference(*graph, inputs);
    for (const Engine& engine : engines()) {
      if (!expected) {
        try_to_run(engine, *graph, inputs);
        continue;
      }
      if (const std::string what = disagreement(engine, *graph, inputs, *expected); !what.empty())
        return cat("seed ", seed, ", ", steps, " steps, batch ", batch, ", ", engine.name, ": ", what, "\n",
                   print(*graph));
    }
    if (expected)
      if (const std::string what = change_by_recomputing(*graph, inputs, batch); !what.empty())
        return cat("seed ", seed, ", ", steps, " steps, batch ", batch, ": ", what, "\n", print(*graph));
    if (graph->symbols().empty()) break;
  }
  return "";
}

class RandomGraphs : public testing::TestWithParam<int> {};

TEST_P(RandomGraphs, AllEnginesAgree) {
  const uint64_t first = number_of("CNNC_FUZZ_SEED", 1), count = number_of("CNNC_FUZZ_GRAPHS", 120) / kParts;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t seed = first + static_cast<uint64_t>(GetParam()) * count + i;
    const int steps = static_cast<int>(4 + seed % 9);
    SCOPED_TRACE(cat("seed ", seed));
    if (failure(seed, steps).empty()) continue;
    // The first steps are those of a smaller graph.
    for (int fewer = 0; fewer <= steps; ++fewer)
      if (const std::string what = failure(seed, fewer); !what.empty()) {
        ADD_FAILURE() << what;
        break;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Part, RandomGraphs, testing::Range(0, kParts));

}  // namespace
}  // namespace cnnc
