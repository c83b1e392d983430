#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <thread>

#include "runtime/cpu_features.h"
#include "runtime/thread_count.h"
#include "tests/runtime/affine_model.h"

namespace cnnc {
namespace {

class ExecutableTest : public testing::Test {
 protected:
  void create(int threads, bool profile = false, bool flush_denormals = false) {
    cnnc_options options{};
    options.flush_denormals = flush_denormals;
    options.threads = threads;
    options.profile = profile;
    options.error = error_;
    options.error_bytes = sizeof error_;
    ASSERT_EQ(cnnc_create(&affine_.model, &options, &exe_), CNNC_OK) << error_;
  }
  void TearDown() override { cnnc_destroy(exe_); }

  // Runs on 1, 2, 3, ... and compares with the formula.
  void check_run(int64_t batch) {
    std::vector<float> x(static_cast<size_t>(batch) * 3), y(x.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    cnnc_tensor_view in = rows(x), out = rows(y);
    ASSERT_EQ(cnnc_run(exe_, &in, 1, &out, 1), CNNC_OK) << cnnc_last_error(exe_);
    EXPECT_EQ(out.dims[0], batch);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t row = static_cast<size_t>(batch) - 1 - i / 3;
      ASSERT_EQ(y[i], 2 * (x[row * 3 + i % 3] + affine_.weights[i % 3])) << i;
    }
  }

  std::string run_error(cnnc_tensor_view in, cnnc_tensor_view out, int inputs = 1) {
    EXPECT_EQ(cnnc_run(exe_, &in, inputs, &out, 1), CNNC_INVALID_ARGUMENT);
    return cnnc_last_error(exe_);
  }

  std::string create_error(cnnc_status expected) {
    cnnc_options options{};
    options.error = error_;
    options.error_bytes = sizeof error_;
    EXPECT_EQ(cnnc_create(&affine_.model, &options, &exe_), expected);
    EXPECT_EQ(exe_, nullptr);
    return error_;
  }

  AffineModel affine_;
  cnnc_executable* exe_ = nullptr;
  char error_[512] = "";
};

TEST_F(ExecutableTest, FlushesDenormalsOnRequestAndOnlyWhileRunning) {
  const float denormal = 1e-39f;
  for (const bool flush : {false, true}) {
    create(3, false, flush);
    for (float& weight : affine_.weights) weight = 0;
    std::vector<float> x(3000, denormal), y(x.size());
    cnnc_tensor_view in = rows(x), out = rows(y);
    ASSERT_EQ(cnnc_run(exe_, &in, 1, &out, 1), CNNC_OK) << cnnc_last_error(exe_);
    for (const float value : y) ASSERT_EQ(value, flush ? 0 : 2 * denormal);
    volatile float small = denormal;
    EXPECT_NE(small * 1.0f, 0);
    cnnc_destroy(exe_);
  }
  exe_ = nullptr;
}

TEST_F(ExecutableTest, RunsEveryBatchOnOneThread) {
  create(1);
  for (int64_t batch : {1, 8, 3, 1000, 0, 1}) check_run(batch);
}

TEST_F(ExecutableTest, RunsEveryBatchOnSeveralThreads) {
  for (int threads : {2, 5}) {
    create(threads);
    for (int64_t batch : {1, 8, 3, 1000, 2}) {
      for (int i = 0; i < 20; ++i) check_run(batch);
    }
    cnnc_destroy(exe_);
    exe_ = nullptr;
  }
}

TEST_F(ExecutableTest, AllocatesNothingOnceShapesWereSeen) {
  create(1);
  std::vector<float> x(30), y(30);
  cnnc_tensor_view in = rows(x), out = rows(y);
  cnnc_run(exe_, &in, 1, &out, 1);
  const auto before = mallinfo2();
  for (int i = 0; i < 100; ++i) cnnc_run(exe_, &in, 1, &out, 1);
  EXPECT_EQ(mallinfo2().uordblks, before.uordblks);
}

TEST_F(ExecutableTest, TellsItsInputsAndOutputs) {
  create(1);
  cnnc_tensor_info info;
  ASSERT_EQ(cnnc_input_info(exe_, 0, &info), CNNC_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.dims[0], -1);
  EXPECT_EQ(info.dims[1], 3);
  EXPECT_STREQ(info.dim_texts[0], "batch");
  EXPECT_STREQ(info.dim_symbols[0], "batch");
  EXPECT_EQ(info.dim_symbols[1], nullptr);
  EXPECT_EQ(cnnc_output_info(exe_, 1, &info), CNNC_INVALID_ARGUMENT);
}

TEST_F(ExecutableTest, PrepareTellsTheOutputsSize) {
  create(1);
  std::vector<float> x(12);
  cnnc_tensor_view in = rows(x), out{};
  in.data = nullptr;
  ASSERT_EQ(cnnc_prepare(exe_, &in, 1, &out, 1), CNNC_OK);
  EXPECT_EQ(out.bytes, 48u);
  EXPECT_EQ(out.dims[0], 4);
}

TEST_F(ExecutableTest, SaysWhichInputIsWrong) {
  create(1);
  std::vector<float> x(12), y(12);
  const cnnc_tensor_view in = rows(x), out = rows(y);
  cnnc_tensor_view bad = in;
  bad.dtype = CNNC_DOUBLE;
  EXPECT_EQ(run_error(bad, out), "input 'x' is f64, the model needs f32");
  bad = in, bad.rank = 1;
  EXPECT_EQ(run_error(bad, out), "input 'x' has 1 dimensions, the model needs 2");
  bad = in, bad.dims[1] = 4;
  EXPECT_EQ(run_error(bad, out), "input 'x': dimension 1 is 4, the model needs 3");
  bad = in, bad.dims[0] = -2;
  EXPECT_EQ(run_error(bad, out), "input 'x': dimension 0 is -2");
  bad = in, bad.bytes = 44;
  EXPECT_EQ(run_error(bad, out), "input 'x' has 44 bytes of memory, its shape needs 48");
  bad = in, bad.data = nullptr;
  EXPECT_EQ(run_error(bad, out), "input 'x' has no memory");
  EXPECT_EQ(run_error(in, in), "output 'y' overlaps input 'x' in memory");
  check_run(2);
  EXPECT_EQ(run_error(in, in), "output 'y' overlaps input 'x' in memory");  // also after a run where all was well
  EXPECT_EQ(run_error(in, out, 0), "0 inputs given, the model has 1");
  bad = out, bad.bytes = 8;
  EXPECT_EQ(run_error(in, bad), "output 'y' has 8 bytes of memory, its shape needs 48");
  check_run(5); // a failed run leaves the executable usable
}

TEST_F(ExecutableTest, SymbolsMustAgreeBetweenDimensions) {
  Program program = affine_program();
  program.inputs[0].dims[1] = {0, 0, "batch", -1};
  affine_.plan = serialize(program);
  affine_.model.plan = affine_.plan.data();
  affine_.model.plan_bytes = affine_.plan.size();
  create(1);
  std::vector<float> x(12), y(12);
  EXPECT_EQ(run_error(rows(x), rows(y)),
            "input 'x': dimension 1 (batch) is 3, but batch is 4 elsewhere");
}

TEST_F(ExecutableTest, RefusesForeignAndDamagedModels) {
  affine_.model.abi_version = 99;
  EXPECT_NE(create_error(CNNC_INVALID_MODEL).find("interface 99"), std::string::npos);
  affine_.model.abi_version = CNNC_MODEL_ABI;
  affine_.plan[200] ^= 1;
  EXPECT_NE(create_error(CNNC_INVALID_MODEL).find("checksum"), std::string::npos);
  affine_.model.magic = 0;
  EXPECT_NE(create_error(CNNC_INVALID_MODEL).find("mark"), std::string::npos);
}

TEST_F(ExecutableTest, NamesAMissingCpuFeature) {
  const uint64_t unknown = UINT64_C(1) << 63; // stands for a newer CPU's
  const uint64_t missing = (cpu_feature_bit(CpuFeature::count) - 1) & ~host_cpu_features();
  affine_.model.cpu_features = missing ? missing & -missing : unknown;
  const int bit = __builtin_ctzll(affine_.model.cpu_features);
  const char* name = cpu_feature_name(static_cast<CpuFeature>(bit));
  EXPECT_NE(create_error(CNNC_UNSUPPORTED_CPU).find(name), std::string::npos);
}

TEST_F(ExecutableTest, RefusesMoreMemoryThanTheLimit) {
  cnnc_options options{};
  options.max_bytes = 100000;
  ASSERT_EQ(cnnc_create(&affine_.model, &options, &exe_), CNNC_OK);
  cnnc_tensor_view in{}, out{};
  in.dtype = CNNC_FLOAT, in.rank = 2, in.dims[0] = INT64_C(1) << 33, in.dims[1] = 3;
  EXPECT_EQ(cnnc_prepare(exe_, &in, 1, &out, 1), CNNC_INVALID_ARGUMENT);
  in.dims[0] = 50000;
  EXPECT_EQ(cnnc_prepare(exe_, &in, 1, &out, 1), CNNC_OUT_OF_MEMORY);
}

TEST_F(ExecutableTest, ProfilesEveryStep) {
  create(2, true);
  check_run(100);
  check_run(100);
  cnnc_step_info step;
  ASSERT_EQ(cnnc_step_query(exe_, 1, &step), CNNC_OK);
  EXPECT_STREQ(step.name, "twice");
  EXPECT_EQ(step.calls, 2u);
  EXPECT_GT(step.nanoseconds, 0u);
}

TEST_F(ExecutableTest, ConcurrentRunsAreBusyNeverWrong) {
  create(1);
  const auto work = [&] {
    std::vector<float> x(30000, 1), y(30000);
    for (int i = 0; i < 200; ++i) {
      cnnc_tensor_view in = rows(x), out = rows(y);
      const cnnc_status status = cnnc_run(exe_, &in, 1, &out, 1);
      ASSERT_TRUE(status == CNNC_OK || status == CNNC_BUSY);
      EXPECT_EQ(y[0], status == CNNC_OK ? 4 : y[0]);
    }
  };
  std::thread a(work), b(work);
  a.join();
  b.join();
}

TEST(ThreadCount, ReadsQuotas) {
  EXPECT_EQ(cpus_of_quota("max 100000"), 0);
  EXPECT_EQ(cpus_of_quota("150000 100000"), 2);
  EXPECT_EQ(cpus_of_quota("200000 100000"), 2);
  EXPECT_EQ(cpus_of_quota("5000 100000"), 1);
  EXPECT_EQ(cpus_of_quota("-1 100000"), 0);
  setenv("OMP_NUM_THREADS", "3,2", 1);
  EXPECT_EQ(default_thread_count(), 3);
  unsetenv("OMP_NUM_THREADS");
  EXPECT_GE(default_thread_count(), 1);
}

} // namespace
} // namespace cnnc
