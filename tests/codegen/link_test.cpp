// Links a model into every kind of file and uses it as a user would, from C and C++ programs and from a shell.
#include "codegen/link.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "ir/error.h"
#include "tests/codegen/affine_object.h"

namespace cnnc::codegen {
namespace {

namespace fs = std::filesystem;

struct Output {
  int status;
  std::string text;
};

Output shell(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Output result;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) result.text.append(buffer.data(), n);
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

class Link : public testing::Test {
 protected:
  void SetUp() override {
#ifdef CNNC_SANITIZED
    GTEST_SKIP() << "models are linked without the sanitizer's runtime, which ours needs in this build";
#endif
    std::string pattern = (fs::temp_directory_path() / "cnnc_link_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    model_ = affine_object(folder_);
    options_.library_folder = CNNC_BINARY_DIR "/lib";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void link_as(const std::string& name, Artefact artefact) {
    options_.artefact = artefact;
    link(model_, path(name), options_);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }
  // The program that uses model `name`, for C and C++: prints 2 (x + w) for x = [1, 2, 3].
  void write_program(const std::string& file, const std::string& name) {
    Graph graph;
    graph.add_output(graph.add_input({DType::f32, {Dim::symbol("batch"), 3}}, "x"), "y");
    std::ofstream(path(name + ".h")) << c_header(graph, name);
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    std::ofstream(path(file)) << "#include \"" << name << ".h\"\n#include <stdio.h>\n"
                              << "int main(void) {\n"
                              << "  const float x[3] = {1, 2, 3};\n  float y[3];\n"
                              << "  cnnc_executable* exe;\n"
                              << "  if (cnnc_create(&cnnc_model_" << name << ", NULL, &exe) != CNNC_OK) return 1;\n"
                              << "  cnnc_tensor_view in = " << name << "_input_0(x, 1);\n"
                              << "  cnnc_tensor_view out = " << name << "_output_0(y, sizeof y);\n"
                              << "  if (cnnc_run(exe, &in, " << upper << "_INPUT_COUNT, &out, 1) != CNNC_OK) return 2;\n"
                              << "  printf(\"%g %g %g %s\\n\", y[0], y[1], y[2], " << upper << "_INPUT_0_NAME);\n"
                              << "  cnnc_destroy(exe);\n  return 0;\n}\n";
  }

  std::string folder_;
  CompiledModel model_;
  LinkOptions options_;
};

TEST_F(Link, ExecutableLoadsOnlyLibc) {
  link_as("model", Artefact::executable);
  const Output run = shell(path("model") + " --dim batch=2");
  EXPECT_EQ(0, run.status) << run.text;
  EXPECT_NE(std::string::npos, run.text.find("y")) << run.text;
  const Output needed = shell("readelf -d " + path("model") + " | grep NEEDED");
  EXPECT_NE(std::string::npos, needed.text.find("libc.so.6"));
  EXPECT_EQ(1, std::count(needed.text.begin(), needed.text.end(), '\n')) << needed.text;
  EXPECT_LT(fs::file_size(path("model")), kAffineWeightBytes + 500'000);
  EXPECT_EQ(std::vector<std::string>{"model"}, files());
}

TEST_F(Link, WeightsAreAllThereAndReadOnly) {
  link_as("model", Artefact::executable);
  const Output segments = shell("readelf -lW " + path("model"));
  EXPECT_NE(std::string::npos, segments.text.find(".ldata .lrodata")) << segments.text;
  std::ifstream file(path("model"), std::ios::binary);
  file.seekg(-1, std::ios::end);
  EXPECT_EQ(42, file.get());
  EXPECT_EQ(0, shell("strip -o " + path("stripped") + " " + path("model") + " && " + path("stripped")).status);
}

TEST_F(Link, StaticExecutableRunsInAnEmptyRoot) {
  options_.is_static = true;
  fs::create_directory(path("root"));
  link_as("root/model", Artefact::executable);
  EXPECT_NE(std::string::npos, shell("ldd " + path("root/model")).text.find("not a dynamic executable"));
  EXPECT_EQ(0, shell(path("root/model") + " --threads 2").status);
  if (geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const Output run = shell("chroot " + path("root") + " /model");
  EXPECT_EQ(0, run.status) << run.text;
}

TEST_F(Link, StaticIsRefusedWithDnnl) {
  options_.is_static = true;
  model_.uses_dnnl = true;
  try {
    link_as("model", Artefact::executable);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(Fault::usage, error.fault());
    EXPECT_NE(std::string::npos, error.message().find("--kernels=llvm"));
  }
  EXPECT_TRUE(files().empty());
}

TEST_F(Link, ExecutableWithDnnlStepsOpensOneDnnOnlyWhenItRuns) {
  model_.uses_dnnl = true;
  link_as("model", Artefact::executable);
  EXPECT_EQ(std::string::npos, shell("readelf -d " + path("model")).text.find("libdnnl"));
  EXPECT_EQ(0, shell(path("model")).status);
}

TEST_F(Link, SharedLibraryInACProgram) {
  options_.name = "affine";
  link_as("libaffine.so", Artefact::shared_library);
  write_program("use.c", "affine");
  const Output run = shell("cd " + folder_ + " && cc -std=c11 -Wall -Wextra -Wpedantic -Werror use.c -L. -laffine -o use && " +
                           "LD_LIBRARY_PATH=. ./use");
  EXPECT_EQ("4 8 12 x\n", run.text);
  const Output exported = shell("nm -D --defined-only " + path("libaffine.so"));
  EXPECT_NE(std::string::npos, exported.text.find("cnnc_model_affine"));
  EXPECT_EQ(std::string::npos, exported.text.find("_ZN")) << exported.text;
}

TEST_F(Link, SharedLibraryExportsTheWholeInterface) {
  link_as("libmodel.so", Artefact::shared_library);
  const std::string exported = shell("nm -D --defined-only " + path("libmodel.so")).text;
  for (const char* function : {"cnnc_create", "cnnc_destroy", "cnnc_input_count", "cnnc_output_count", "cnnc_input_info",
                               "cnnc_output_info", "cnnc_output_updates", "cnnc_prepare", "cnnc_run", "cnnc_last_error", "cnnc_thread_count",
                               "cnnc_memory_bytes", "cnnc_step_count", "cnnc_step_query", "cnnc_dtype_bits",
                               "cnnc_dtype_name"})
    EXPECT_NE(std::string::npos, exported.find(cat(" ", function, "\n"))) << function;
}

TEST_F(Link, ArchiveInACppProgram) {
  options_.name = "affine";
  link_as("libaffine.a", Artefact::archive);
  write_program("use.cpp", "affine");
  const Output run =
      shell("cd " + folder_ + " && c++ -std=c++17 -Wall -Wextra -Werror use.cpp libaffine.a -o use && ./use");
  EXPECT_EQ("4 8 12 x\n", run.text);
}

TEST_F(Link, TwoModelsInOneProgram) {
  for (const char* name : {"first", "second"}) {
    options_.name = name;
    link_as(cat("lib", name, ".a"), Artefact::archive);
    write_program(cat(name, ".c"), name);
  }
  const Output run = shell("cd " + folder_ +
                           " && sed -i 's/int main(void)/int other(void)/' second.c"
                           " && sed -i 's/^int main/int other(void);\\nint main/; s/return 0/return other()/' first.c"
                           " && cc first.c second.c libfirst.a libsecond.a -o use && ./use");
  EXPECT_EQ("4 8 12 x\n4 8 12 x\n", run.text);
}

TEST_F(Link, ObjectWithTheRuntimeArchive) {
  options_.name = "affine";
  link_as("affine.o", Artefact::object);
  write_program("use.c", "affine");
  const Output run = shell("cd " + folder_ + " && cc use.c affine.o " CNNC_BINARY_DIR "/lib/libcnnc_runtime.a -o use && ./use");
  EXPECT_EQ("4 8 12 x\n", run.text);
}

TEST_F(Link, UnwritableOutputIsAFileError) {
  for (const std::string& bad : {path("missing/model"), std::string("/proc/model")}) {
    try {
      link(model_, bad, options_);
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(Fault::file, error.fault());
      EXPECT_NE(std::string::npos, error.message().find(bad)) << error.message();
    }
  }
}

TEST_F(Link, FullDiskLeavesNothingAndKeepsTheOldFile) {
  link_as("model", Artefact::executable);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  for (const rlim_t bytes : {100'000, 10'000'000}) {
    rlimit limit = before;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (const Artefact artefact : {Artefact::executable, Artefact::shared_library, Artefact::archive, Artefact::object})
      EXPECT_THROW(link_as("model", artefact), Error);
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(std::vector<std::string>{"model"}, files());
    EXPECT_EQ(0, shell(path("model")).status);
  }
}

// At whatever moment it comes.
TEST_F(Link, SignalLeavesNothing) {
  for (unsigned moment = 0; moment < 20; ++moment) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) link(model_, path("model"), options_);
    }
    usleep(50'000 + 3'000 * moment);
    kill(child, SIGTERM);
    int status;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    EXPECT_TRUE(files().empty() || files() == std::vector<std::string>{"model"}) << testing::PrintToString(files());
  }
}

TEST_F(Link, TwoLinksToOneOutputAreSafe) {
  const pid_t child = fork();
  for (int i = 0; i < 5; ++i) link_as("model", Artefact::executable);
  if (child == 0) _exit(0);
  int status;
  waitpid(child, &status, 0);
  EXPECT_EQ(0, status);
  EXPECT_EQ(std::vector<std::string>{"model"}, files());
  EXPECT_EQ(0, shell(path("model")).status);
}

TEST_F(Link, NamesWithQuotesStayInsideTheHeader) {
  Graph graph;
  graph.add_output(graph.add_input({DType::f16, {2}}, "*/ \" \\ \n?"), "y");
  std::ofstream(path("odd.h")) << c_header(graph, "odd");
  std::ofstream(path("odd.c")) << "#include \"odd.h\"\n#include <stdio.h>\nint main(void) { puts(ODD_INPUT_0_NAME); return 0; }\n";
  const Output run = shell("cd " + folder_ + " && cc -std=c11 -Wall -Wextra -Wpedantic -Werror odd.c -o odd && ./odd");
  EXPECT_EQ("*/ \" \\ \n?\n", run.text);
}

}  // namespace
}  // namespace cnnc::codegen
