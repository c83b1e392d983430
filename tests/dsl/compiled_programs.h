// How many programs a model's training has compiled so far.
#pragma once
#include <cstdint>

#include "cnnc/model.h"

int64_t compiled_programs(const cnnc::dsl::Model& model);
