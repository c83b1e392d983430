// Runs one operator on given numbers, and reads the message of a node that does not fit.
#pragma once
#include <string>
#include <vector>

#include "ir/op_def.h"

namespace cnnc {

Tensor f32_tensor(Shape shape, const std::vector<float>& values);
// 1, 2, 3, ...
Tensor counting(Shape shape);
std::vector<Tensor> run_op(const char* op, const std::vector<Tensor>& operands,
                           Attributes attributes = {}, int output_count = 1);
std::vector<float> floats_of(const Tensor& tensor);
// The inferred type as text, e.g. "f32[batch,4]"; operands are given as sizes like {"batch", "3",
// "h + 1"} in f32.
std::string inferred(const char* op, const std::vector<std::vector<std::string>>& operands,
                     Attributes attributes = {});
// The message of the Error that inference throws; empty when it throws none.
std::string fault_of(const char* op, const std::vector<std::vector<std::string>>& operands,
                     Attributes attributes = {});

}  // namespace cnnc
