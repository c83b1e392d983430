// Values that are computed again to keep a limit of memory.
#include "codegen/recompute.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "codegen/build.h"
#include "codegen/jit.h"
#include "codegen/working_memory.h"
#include "ir/error.h"
#include "tests/support/one_node.h"

namespace cnnc::codegen {
namespace {

// %0 lies idle while the Transpose reads and writes 512 kB each.
constexpr const char* kIdle = R"(graph @main(%x: f32[64,1024]) -> f32[64,1024] {
  %0 = Exp(%x) {kernel = "llvm:loops"} : f32[64,1024] loc("early")
  %1 = Concat(%0, %x) {axis = 0, kernel = "llvm:loops"} : f32[128,1024]
  %2 = Transpose(%1) {kernel = "llvm:loops", perm = [1,0]} : f32[1024,128] loc("large")
  %3 = Constant() {value = i64[1] {1}} : i64[1]
  %4 = ReduceSum(%2, %3) {keepdims = 0, kernel = "llvm:loops"} : f32[1024]
  %5 = Add(%0, %4) {kernel = "llvm:loops"} : f32[64,1024]
  return %5
}
)";

// The same with a product that lies idle too.
constexpr const char* kProduct = R"(graph @main(%x: f32[64,64], %w: f32[64,1024]) -> f32[64,1024] {
  %0 = MatMul(%x, %w) {kernel = "llvm:matmul"} : f32[64,1024]
  %1 = Exp(%w) {kernel = "llvm:loops"} : f32[64,1024]
  %2 = Concat(%0, %1) {axis = 0, kernel = "llvm:loops"} : f32[128,1024]
  %3 = Transpose(%2) {kernel = "llvm:loops", perm = [1,0]} : f32[1024,128]
  %4 = Constant() {value = i64[1] {1}} : i64[1]
  %5 = ReduceSum(%3, %4) {keepdims = 0, kernel = "llvm:loops"} : f32[1024]
  %6 = Add(%0, %5) {kernel = "llvm:loops"} : f32[64,1024]
  %7 = Mul(%6, %1) {kernel = "llvm:loops"} : f32[64,1024]
  return %7
}
)";

CompileOptions limited(int64_t bytes) {
  CompileOptions options;
  options.memory.bytes = bytes;
  return options;
}

std::unique_ptr<Graph> within(const char* text, int64_t bytes) {
  auto graph = parse_graph(text);
  const CompileOptions options = limited(bytes);
  recompute(options).run(*graph, *make_target(options.target));
  verify(*graph);
  return graph;
}

std::vector<std::string> recomputed(const Graph& graph) {
  std::vector<std::string> found;
  for (const auto& node : graph.nodes())
    if (node->attribute("recomputed")) found.push_back(node->op_name());
  return found;
}

int64_t memory_of(const char* text) { return working_memory(*parse_graph(text), limited(0)); }

std::vector<Tensor> results(const Graph& graph) {
  std::vector<Tensor> inputs;
  for (const auto& input : graph.inputs()) inputs.push_back(counting(input->type().shape()));
  return run(JitModel(compile(graph, limited(0), ObjectKind::jit)), inputs);
}

using Names = std::vector<std::string>;

TEST(Recompute, LeavesGraphsThatFit) {
  EXPECT_EQ(print(*within(kIdle, 0)), kIdle);
  EXPECT_EQ(print(*within(kIdle, memory_of(kIdle))), kIdle);
}

TEST(Recompute, FreesWhatLiesIdleAtThePeak) {
  const int64_t all = memory_of(kIdle);
  const auto graph = within(kIdle, all - 1);
  EXPECT_EQ(recomputed(*graph), Names{"Exp"});
  EXPECT_EQ(working_memory(*graph, limited(0)), all - 64 * 1024 * 4);
  const std::string text = print(*graph);
  EXPECT_NE(text.find("recomputed = \"frees 262144 bytes at node 'large' (Transpose)\""), std::string::npos) << text;
  EXPECT_EQ(print(*parse_graph(text)), text);
}

TEST(Recompute, GivesTheSameBits) {
  for (const char* text : {kIdle, kProduct}) {
    const auto plain = results(*parse_graph(text)), again = results(*within(text, memory_of(text) - 1));
    EXPECT_TRUE(plain[0].identical(again[0]));
  }
}

TEST(Recompute, RepeatsProductsOnlyWhenNothingElseIsLeft) {
  const int64_t all = memory_of(kProduct);
  EXPECT_EQ(recomputed(*within(kProduct, all - 1)), Names{"Exp"});
  const Names both = recomputed(*within(kProduct, all - 64 * 1024 * 4 - 1));
  EXPECT_EQ(std::count(both.begin(), both.end(), "MatMul"), 1);
}

TEST(Recompute, ComputesNothingOfAnInputThatIsUpdatedBefore) {
  const char* updated = R"(graph @main(%x: f32[64,1024]) -> f32[64,1024], f32[64,1024] {
  %0 = Exp(%x) {kernel = "llvm:loops"} : f32[64,1024]
  %1 = Concat(%0, %x) {axis = 0, kernel = "llvm:loops"} : f32[128,1024]
  %2 = Transpose(%1) {kernel = "llvm:loops", perm = [1,0]} : f32[1024,128]
  %3 = Constant() {value = i64[1] {1}} : i64[1]
  %4 = ReduceSum(%2, %3) {keepdims = 0, kernel = "llvm:loops"} : f32[1024]
  %5 = Neg(%x) {kernel = "llvm:loops"} : f32[64,1024]
  %6 = Add(%0, %4) {kernel = "llvm:loops"} : f32[64,1024]
  return %6, %5 into %x
}
)";
  EXPECT_THROW(within(updated, memory_of(updated) - 1), NotEnoughMemory);
}

TEST(Recompute, ComputesWhatItNeedsAgainToo) {
  // %1 needs %0, which is gone by then; %8 reads a view of %1.
  const char* chain = R"(graph @main(%x: f32[64,1024]) -> f32[64,1024] {
  %0 = Exp(%x) {kernel = "llvm:loops"} : f32[64,1024]
  %1 = Transpose(%0) {kernel = "llvm:loops", perm = [1,0]} : f32[1024,64]
  %2 = Constant() {value = i64[2] {64, 1024}} : i64[2]
  %3 = Reshape(%1, %2) : f32[64,1024]
  %4 = Concat(%3, %x) {axis = 0, kernel = "llvm:loops"} : f32[128,1024]
  %5 = Transpose(%4) {kernel = "llvm:loops", perm = [1,0]} : f32[1024,128]
  %6 = Constant() {value = i64[1] {1}} : i64[1]
  %7 = ReduceSum(%5, %6) {keepdims = 0, kernel = "llvm:loops"} : f32[1024]
  %8 = Add(%3, %7) {kernel = "llvm:loops"} : f32[64,1024]
  return %8
}
)";
  const auto graph = within(chain, memory_of(chain) - 1);
  EXPECT_EQ(recomputed(*graph), (Names{"Exp", "Transpose"}));
  EXPECT_TRUE(results(*parse_graph(chain))[0].identical(results(*graph)[0]));
}

TEST(Recompute, SaysTheLeastThatFits) {
  std::string message;
  try {
    within(kIdle, 1000);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::limit);
    message = error.message();
  }
  const size_t at = message.find("at least ");
  ASSERT_NE(at, std::string::npos) << message;
  EXPECT_NE(message.find("batch size"), std::string::npos);
  const int64_t least = std::stoll(message.substr(at + 9));
  EXPECT_EQ(working_memory(*within(kIdle, least), limited(0)), least);
}

TEST(Recompute, KnowsWhatTheRuntimeTakes) {
  for (const char* text : {kIdle, kProduct}) {
    const auto graph = parse_graph(text);
    const JitModel model(compile(*graph, limited(0), ObjectKind::jit));
    cnnc_options create{};
    create.threads = 2;
    cnnc_executable* executable = nullptr;
    ASSERT_EQ(cnnc_create(model.model(), &create, &executable), CNNC_OK);
    CompileOptions options = limited(0);
    options.memory.threads = 2;
    EXPECT_EQ(working_memory(*graph, options), static_cast<int64_t>(cnnc_memory_bytes(executable)));
    cnnc_destroy(executable);
  }
}

}  // namespace
}  // namespace cnnc::codegen
