#include "tests/dsl/compiled_programs.h"

#include "model/model_state.h"
#include "model/steps.h"

int64_t compiled_programs(const cnnc::dsl::Model& model) { return model.state()->training->steps->compiled_count(); }
