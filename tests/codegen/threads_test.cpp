#include <gtest/gtest.h>

#include "codegen/build.h"
#include "codegen/jit.h"

namespace cnnc {
namespace {

int32_t threads_of(const codegen::JitModel& model, int32_t asked) {
  cnnc_options options{};
  options.threads = asked;
  cnnc_executable* executable = nullptr;
  EXPECT_EQ(cnnc_create(model.model(), &options, &executable), CNNC_OK);
  const int32_t threads = cnnc_thread_count(executable);
  cnnc_destroy(executable);
  return threads;
}

TEST(Threads, AreCompiledInAndOverruledByTheCaller) {
  Graph graph;
  graph.add_output(graph.make("Relu", {graph.add_input({DType::f32, {4}}, "x")}), "y");
  codegen::BuildOptions options;
  options.compile.threads = 3;
  codegen::optimize(graph, options);
  const codegen::JitModel model(codegen::compile(graph, options.compile, codegen::ObjectKind::jit));
  EXPECT_EQ(threads_of(model, 0), 3);
  EXPECT_EQ(threads_of(model, 2), 2);
}

}  // namespace
}  // namespace cnnc
