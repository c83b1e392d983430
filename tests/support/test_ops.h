// Small operators for tests of the IR itself, which must not depend on the real declarations.
#pragma once

namespace cnnc {

// Declares, once: TestAdd(a, b), TestMul(a, b), TestNeg(x), TestExp(x), TestSum(x) over the last axis,
// TestArgMax(x) (value and position over the last axis), TestShift(x) (the left neighbour on the last axis, 0 at its start),
// TestSoftplus(x) by decomposition, TestRandom(x) impure, TestSizes(x) (its sizes as i64), TestAttributes(x, y?) = x with attributes
// of every kind.
void declare_test_ops();

}  // namespace cnnc
