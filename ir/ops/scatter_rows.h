// ScatterRows' attribute `reduction`.
#pragma once
#include <string>

#include "runtime/scatter_rows.h"

namespace cnnc {

// none for what is no other name.
ScatterReduction scatter_reduction(const std::string& name);

}  // namespace cnnc
