// Code that several threads generate: one object, the same for any number of them.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>

#include "codegen/build.h"
#include "codegen/jit.h"
#include "codegen/workers.h"
#include "tests/support/one_node.h"

namespace cnnc::codegen {
namespace {

using testing::ElementsAre;

// Products and softmaxes, no two of the same size, so that each has a kernel of its own.
std::unique_ptr<Graph> many_kernels() {
  auto graph = std::make_unique<Graph>();
  Value* x = graph->add_input({DType::f32, {5, 7}}, "x");
  for (int64_t i = 1; i <= 20; ++i) {
    Tensor w(DType::f32, {x->dim(1).value(), 7 + 3 * i});
    for (int64_t k = 0; k < w.size(); ++k) w.set_double(k, static_cast<double>(k % 7 - 3) / 8);
    x = graph->make("Softmax", {graph->make("MatMul", {x, graph->constant(std::move(w))})});
  }
  graph->add_output(x, "y");
  return graph;
}

CompiledModel compiled(int threads) {
  const auto graph = many_kernels();
  BuildOptions options;
  options.compile.compile_threads = threads;
  optimize(*graph, options);
  return compile(*graph, options.compile, ObjectKind::linked);
}

struct Section {
  std::string name;
  Elf64_Shdr header;
};

std::vector<Section> sections_of(const std::vector<char>& object) {
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof header);
  std::vector<Elf64_Shdr> headers(header.e_shnum);
  std::memcpy(headers.data(), object.data() + header.e_shoff, headers.size() * sizeof(Elf64_Shdr));
  std::vector<Section> sections;
  for (const Elf64_Shdr& s : headers)
    sections.push_back({object.data() + headers[header.e_shstrndx].sh_offset + s.sh_name, s});
  return sections;
}

// Names of the symbols that other objects see.
std::vector<std::string> global_symbols(const std::vector<char>& object) {
  const std::vector<Section> sections = sections_of(object);
  std::vector<std::string> names;
  for (const Section& s : sections) {
    if (s.header.sh_type != SHT_SYMTAB) continue;
    std::vector<Elf64_Sym> symbols(s.header.sh_size / sizeof(Elf64_Sym));
    std::memcpy(symbols.data(), object.data() + s.header.sh_offset, s.header.sh_size);
    for (size_t i = s.header.sh_info; i < symbols.size(); ++i)
      names.push_back(object.data() + sections[s.header.sh_link].header.sh_offset + symbols[i].st_name);
  }
  return names;
}

TEST(CompileThreads, GiveTheSameObject) {
  const std::vector<char> object = compiled(1).object;
  EXPECT_EQ(compiled(2).object, object);
  EXPECT_EQ(compiled(7).object, object);
}

TEST(CompileThreads, CompileSeveralModulesThatBecomeOneObject) {
  const std::vector<char> object = compiled(2).object;
  const std::vector<Section> sections = sections_of(object);
  EXPECT_GT(std::count_if(sections.begin(), sections.end(), [](const Section& s) { return s.name == ".text"; }), 2);
  EXPECT_EQ(std::count_if(sections.begin(), sections.end(), [](const Section& s) { return s.name == ".note.GNU-stack"; }), 1);
}

TEST(CompileThreads, LeaveNothingForOtherObjectsToSeeButTheModel) {
  EXPECT_THAT(global_symbols(compiled(2).object), ElementsAre("cnnc_model", "cnnc_weights"));
}

TEST(CompileThreads, ComputeWhatTheReferenceComputes) {
  const std::vector<Tensor> inputs = {counting({5, 7})};
  const std::vector<Tensor> expected = interpret(*many_kernels(), inputs);
  const auto graph = many_kernels();
  BuildOptions options;
  options.compile.compile_threads = 3;
  optimize(*graph, options);
  const std::vector<Tensor> got = run(JitModel(compile(*graph, options.compile, ObjectKind::jit)), inputs);
  for (int64_t i = 0; i < expected[0].size(); ++i) EXPECT_NEAR(got[0].as_double(i), expected[0].as_double(i), 1e-5);
}

Workers::Job job(char result) {
  return [result] { return std::vector<char>{result}; };
}

TEST(Workers, GiveResultsToWhoeverAsksAndInAnyOrder) {
  for (const int threads : {0, 1, 2, 3}) {
    Workers workers(threads);
    std::vector<std::future<std::vector<char>>> results;
    for (char i = 0; i < 9; ++i) results.push_back(workers.add(job(i)));
    for (char i = 8; i >= 0; --i) EXPECT_THAT(results[static_cast<size_t>(i)].get(), ElementsAre(i)) << threads;
  }
}

TEST(Workers, PassOnWhatAJobThrows) {
  for (const int threads : {1, 2}) {
    Workers workers(threads);
    auto bad = workers.add([]() -> std::vector<char> { throw std::runtime_error("bad"); });
    EXPECT_THROW(bad.get(), std::runtime_error);
    EXPECT_THAT(workers.add(job(1)).get(), ElementsAre(1));
  }
}

TEST(Workers, EndWithJobsThatNobodyWaitsFor) {
  Workers workers(2);
  for (char i = 0; i < 50; ++i) workers.add(job(i));
}

}  // namespace
}  // namespace cnnc::codegen
