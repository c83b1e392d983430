// The command line and the bench protocol of compiled executables, in a child process with pipes.
#include <gtest/gtest.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "runtime/executable_main.h"
#include "runtime/tensor_file.h"
#include "tests/runtime/affine_model.h"

namespace cnnc {
namespace {

struct Result {
  int code = -1;
  std::string out, err;
};

std::string drain(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return text;
}

[[noreturn]] void child(const AffineModel& affine, const std::vector<std::string>& args, int in,
                        int out, int err) {
  dup2(in, 0), dup2(out, 1), dup2(err, 2);
  std::vector<char*> argv = {const_cast<char*>("model")};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  const int code = executable_main(&affine.model, static_cast<int>(argv.size()), argv.data());
  fflush(stdout);
  _exit(code);
}

Result run(const std::vector<std::string>& args, const std::string& input = "") {
  const AffineModel affine;
  int in[2], out[2], err[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
  fflush(stdout);  // or the child writes what this process has not written yet
  const pid_t pid = fork();
  if (pid == 0) {
    close(in[1]);
    child(affine, args, in[0], out[1], err[1]);
  }
  close(in[0]), close(out[1]), close(err[1]);
  // A child that refuses its arguments may be gone by now.
  const bool written = write(in[1], input.data(), input.size()) >= 0;
  EXPECT_TRUE(written || errno == EPIPE);
  close(in[1]);
  Result result;
  result.out = drain(out[0]);
  result.err = drain(err[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return result;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class MainTest : public testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);  // a program that refuses its arguments does not wait for its input
    ASSERT_NE(mkdtemp(directory_), nullptr);
    HostTensor x;
    x.dtype = CNNC_FLOAT, x.rank = 2, x.dims[0] = 2, x.dims[1] = 3;
    ErrorText error;
    ASSERT_TRUE(x.allocate(&error));
    for (int i = 0; i < 6; ++i) static_cast<float*>(x.data)[i] = static_cast<float>(i);
    ASSERT_TRUE(save_tensor((path() + "/input_0.pb").c_str(), "x", x, &error));
    ASSERT_TRUE(save_tensor((path() + "/x.npy").c_str(), "x", x, &error));
  }
  void TearDown() override { ASSERT_EQ(system(("rm -r " + path()).c_str()), 0); }
  std::string path() { return directory_; }

  void check_output(const std::string& file) {
    HostTensor y;
    ErrorText error;
    ASSERT_TRUE(load_tensor(file.c_str(), &y, &error)) << error.text;
    EXPECT_EQ(y.dims[0], 2);
    const float expected[] = {8, 12, 16, 2, 6, 10};
    EXPECT_EQ(memcmp(y.data, expected, sizeof expected), 0);
  }

  char directory_[64] = "/tmp/cnnc_main_XXXXXX";
};

TEST_F(MainTest, HelpShowsInputsAndOutputs) {
  const Result result = run({"--help"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "inputs:\n  x: f32[batch,3]\n"));
  EXPECT_TRUE(contains(result.out, "outputs:\n  y: f32[batch,3]\n"));
  EXPECT_LT(std::count(result.out.begin(), result.out.end(), '\n'), 60);
}

TEST_F(MainTest, RunsADirectoryAndShowsTheResult) {
  const Result result = run({"--inputs", path(), "--outputs", path() + "/out"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "y: f32[2,3] = 8, 12, 16, 2, 6, 10\n");
  check_output(path() + "/out/output_0.pb");
}

TEST_F(MainTest, RunsNamedInputsToNpy) {
  const Result result =
      run({"--inputs=x=" + path() + "/x.npy", "--outputs=" + path(), "--format=npy"});
  EXPECT_EQ(result.code, 0) << result.err;
  check_output(path() + "/output_0.npy");
}

TEST_F(MainTest, JsonIsOneLine) {
  const Result result = run({"--inputs", path(), "--json", "--repeat", "3", "--threads", "2"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.find("{\"latency_ns\":["), 0u);
  EXPECT_TRUE(contains(result.out, "\"compile_ns\":0,\"first_ns\":"));
  EXPECT_TRUE(contains(result.out, "\"precision\":\"f32\"}\n"));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
}

TEST_F(MainTest, ServesUntilQuit) {
  const Result result = run({"--serve", "--threads", "1", "--outputs", path(), "--inputs", path()},
                            "run 1 2\nrun 0 0\nquit\nrun 1 1\n");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.find("{\"event\":\"ready\",\"load_ns\":"), 0u);
  EXPECT_TRUE(contains(result.out, "\n{\"latency_ns\":[]}\n"));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 3);
  check_output(path() + "/output_0.pb");
  EXPECT_EQ(run({"--serve"}, "run 1 1\n").code, 0); // end of file ends it as well
}

TEST_F(MainTest, ProfileListsEveryStep) {
  const Result result = run({"--profile", "--dim", "batch=4"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "Add_0\n"));
  EXPECT_TRUE(contains(result.out, "Mul_1 Mul_2\n"));
}

struct BadCase {
  std::vector<std::string> args;
  int code;
  const char* message;
};

TEST_F(MainTest, WrongUseHasACodeAndAMessage) {
  const BadCase cases[] = {
      {{"--bogus"}, 2, "unknown argument '--bogus'"},
      {{"--threads", "0"}, 2, "--threads needs a whole number from 1 up, not '0'"},
      {{"--threads"}, 2, "--threads needs a value"},
      {{"--format", "txt"}, 2, "--format is 'pb' or 'npy', not 'txt'"},
      {{"--inputs", "z=" + path() + "/x.npy"}, 2, "the model has no input 'z'; it has 'x'"},
      {{"--inputs", "x=" + path() + "/none.npy"}, 4, "No such file"},
      {{"--inputs", path() + "/none"}, 4, "neither a directory nor NAME=FILE"},
      {{"--outputs", "/proc/none"}, 4, "cannot make the directory '/proc/none'"},
      {{"--max-mem", "10"}, 5, "limit of 10"},
      {{"--serve"}, 2, ""},
  };
  for (const BadCase& bad : cases) {
    const Result result = run(bad.args, "jump\n");
    EXPECT_EQ(result.code, bad.code) << bad.message << result.err;
    EXPECT_TRUE(contains(result.err, bad.message)) << result.err;
  }
}

} // namespace
} // namespace cnnc
