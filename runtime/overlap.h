// That no output lies in the memory of another tensor.
#ifndef RUNTIME_OVERLAP_H_
#define RUNTIME_OVERLAP_H_

#include "runtime/executable.h"

namespace cnnc {

// False, with a message, when an output overlaps an input or another output; it may lie where the input lies that it
// updates. Tensors that are where they were when this was last asked cost nothing: a training step has hundreds of them.
bool check_overlap(cnnc_executable* exe, const cnnc_tensor_view* inputs,
                   const cnnc_tensor_view* outputs);

} // namespace cnnc

#endif // RUNTIME_OVERLAP_H_
