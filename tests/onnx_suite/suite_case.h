// One case of the ONNX backend suite: what make_cases.py wrote.
#pragma once
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace cnnc {

struct SuiteCase {
  std::string name, folder;
  double rtol = 0, atol = 0;
  std::vector<std::string> operators;  // "domain:Op"
  std::vector<std::string> types;      // ONNX's numbers, or "sequence_type" and the like
};

std::vector<SuiteCase> read_cases(const std::string& folder);

struct SuiteData {
  std::vector<Tensor> inputs, outputs;
};

// The data sets of a case. Throws Error when a file cannot be read.
std::vector<SuiteData> read_data(const SuiteCase& test);

// Why `actual` is not what the case expects, or nothing. Shape and type must be the same, and
// |actual - expected| <= atol + rtol |expected|; a bf16 has a relative error of 2^-6 in any case.
std::string difference(const Tensor& actual, const Tensor& expected, double rtol, double atol);

// It uses other types than tensors of numbers that cnnc has.
bool has_foreign_types(const SuiteCase& test);
// It uses operators that nothing declares.
bool has_undeclared_operators(const SuiteCase& test);

}  // namespace cnnc
