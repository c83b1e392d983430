#include "runtime/plan.h"

#include <gtest/gtest.h>

#include "tests/runtime/affine_model.h"

namespace cnnc {
namespace {

constexpr PlanLimits kLimits{12, 2, 0};

// A copy in memory of its exact size, so that a sanitizer sees every read beyond it.
struct Blob {
  explicit Blob(const std::vector<uint8_t>& bytes) : words((bytes.size() + 7) / 8) {
    if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  }
  std::vector<uint64_t> words;
};

bool opens(const std::vector<uint8_t>& bytes, ErrorText* error, Plan* plan) {
  return open_plan(Blob(bytes).words.data(), bytes.size(), kLimits, plan, error);
}

// Makes the checksum match again, so that the checks behind it are reached.
void reseal(std::vector<uint8_t>& bytes) {
  PlanHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.checksum = 0;
  header.checksum = plan_checksum(&header, sizeof header) ^
                    plan_checksum(bytes.data() + sizeof header, bytes.size() - sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
}

TEST(Plan, ReadsBackWhatWasWritten) {
  const auto bytes = serialize(affine_program());
  const Blob blob(bytes);
  Plan plan;
  ErrorText error;
  ASSERT_TRUE(open_plan(blob.words.data(), bytes.size(), kLimits, &plan, &error)) << error.text;
  EXPECT_STREQ(plan.text(plan.symbols[0].name), "batch");
  ASSERT_EQ(plan.inputs.count, 1u);
  EXPECT_STREQ(plan.text(plan.inputs[0].name), "x");
  EXPECT_EQ(plan.inputs[0].rank, 2u);
  EXPECT_STREQ(plan.text(plan.dims[1].text), "3");
  EXPECT_EQ(plan.dims[1].fixed, 3);
  ASSERT_EQ(plan.steps.count, 2u);
  EXPECT_STREQ(plan.text(plan.steps[1].sources), "Mul_1\nMul_2");
  EXPECT_EQ(plan.operands[plan.steps[1].first_operand + 1].access, kWrite);
  EXPECT_EQ(plan.buffers.count, 4u);
}

TEST(Plan, EveryTruncationIsAnError) {
  const auto bytes = serialize(affine_program());
  for (size_t size = 0; size < bytes.size(); ++size) {
    Plan plan;
    ErrorText error;
    EXPECT_FALSE(opens({bytes.begin(), bytes.begin() + static_cast<long>(size)}, &error, &plan));
    EXPECT_STRNE(error.text, "");
  }
}

TEST(Plan, EveryBitFlipIsAnError) {
  auto bytes = serialize(affine_program());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Plan plan;
    ErrorText error;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(opens(bytes, &error, &plan)) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(Plan, WrongBytesBehindAGoodChecksumDoNotCrash) {
  const auto good = serialize(affine_program());
  for (size_t i = 0; i < good.size(); ++i) {
    for (uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      auto bytes = good;
      bytes[i] = value;
      reseal(bytes);
      Plan plan;
      ErrorText error;
      opens(bytes, &error, &plan);
    }
  }
}

Program with(void (*change)(Program&)) {
  Program program = affine_program();
  change(program);
  return program;
}

TEST(Plan, RefusesReferencesOutsideTheProgram) {
  const std::vector<Program> bad = {
      with([](Program& p) { p.steps[0].kernel = 2; }),
      with([](Program& p) { p.steps[0].flags = kLibraryStep; }),
      with([](Program& p) { p.steps[0].operands[0].buffer = 4; }),
      with([](Program& p) { p.steps[0].operands[1].access = kWrite; }), // a constant
      with([](Program& p) { p.steps[1].sizes[0] = 5; }),
      with([](Program& p) { p.buffers[2].last_step = 0; }), // used later
      with([](Program& p) { p.buffers[1].offset = 64; }),
      with([](Program& p) { p.buffers[2].kind = BufferKind::view, p.buffers[2].base = 2; }),
      with([](Program& p) { p.inputs[0].dtype = 99; }),
      with([](Program& p) { p.symbols[0].defined_by = 0; }),
      with([](Program& p) { p.outputs[0].updates = 0; }), // and has memory of its own
      with([](Program& p) { p.outputs[0].updates = 1; }), // there is one input
  };
  for (const Program& program : bad) {
    Plan plan;
    ErrorText error;
    EXPECT_FALSE(opens(serialize(program), &error, &plan)) << &program - bad.data();
  }
}

ProgramStep control_step(ControlOp op, uint32_t target, std::vector<OperandRecord> operands) {
  ProgramStep step;
  step.flags = kControlStep;
  step.kernel = static_cast<uint32_t>(op);
  const ControlParams params{target, 0, kNone, 0};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&params);
  step.params.assign(bytes, bytes + sizeof params);
  step.operands = std::move(operands);
  return step;
}

// loop, the steps of the affine program, repeat.
Program looped(void (*change)(Program&)) {
  Program program = affine_program();
  for (ProgramBuffer& buffer : program.buffers) ++buffer.last_step;
  const auto counter = static_cast<uint32_t>(program.buffers.size());
  program.buffers.push_back({});
  program.buffers.back().last_step = 3;
  std::vector<ProgramStep>& steps = program.steps;
  steps.insert(steps.begin(), control_step(ControlOp::loop, 3, {{counter, kWrite}}));
  steps.push_back(control_step(ControlOp::repeat, 0, {{counter, kRead}}));
  change(program);
  return program;
}

TEST(Plan, RefusesControlStepsThatLeadNowhere) {
  Plan plan;
  ErrorText error;
  ASSERT_TRUE(opens(serialize(looped([](Program&) {})), &error, &plan)) << error.text;
  const std::vector<Program> bad = {
      looped([](Program& p) { p.steps[0] = control_step(ControlOp::loop, 2, p.steps[0].operands); }),
      looped([](Program& p) { p.steps[0] = control_step(ControlOp::loop, 4, p.steps[0].operands); }),
      looped([](Program& p) { p.steps[0].operands.clear(); }), // nowhere to count
      looped([](Program& p) { p.steps[0].params.pop_back(); }),
      looped([](Program& p) { p.steps[0].kernel = 4; }),
      looped([](Program& p) { p.steps[3] = control_step(ControlOp::repeat, 1, {}); }),
      looped([](Program& p) { p.steps[3] = control_step(ControlOp::jump, 3, {}); }), // for ever
      looped([](Program& p) { p.steps[3] = control_step(ControlOp::branch, 4, {}); }),
      looped([](Program& p) { // a slice of what the loop has not
        p.buffers.push_back({});
        p.buffers.back().kind = BufferKind::slice;
      }),
  };
  for (const Program& program : bad)
    EXPECT_FALSE(opens(serialize(program), &error, &plan)) << &program - bad.data();
}

} // namespace
} // namespace cnnc
