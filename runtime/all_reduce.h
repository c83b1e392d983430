// Steps that sum a vector over the processes that train together, and how a transport takes part.
#ifndef RUNTIME_ALL_REDUCE_H_
#define RUNTIME_ALL_REDUCE_H_

#include <stdint.h>

namespace cnnc {

// Sums `count` numbers at `data` over all processes, in place. Each begin() is followed by an end()
// with the same address; in between other steps run. Nonzero cnnc_status on failure.
struct AllReduceTransport {
  int (*begin)(float* data, int64_t count);
  int (*end)(float* data);
};

// Without one there is one process, whose sums are its vectors.
void set_all_reduce_transport(const AllReduceTransport& transport);

} // namespace cnnc

#endif // RUNTIME_ALL_REDUCE_H_
