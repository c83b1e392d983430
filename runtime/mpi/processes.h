// The processes that train together, when mpirun has started several.
#ifndef RUNTIME_MPI_PROCESSES_H_
#define RUNTIME_MPI_PROCESSES_H_

#include "runtime/training/batches.h"

namespace cnnc {

// Whether mpirun started this process beside others.
bool is_one_of_several_processes();

// Takes part; returns this process's share of each batch. The first call decides; leave_processes()
// ends it when all went well. A process that ends without makes mpirun end the others.
Shard join_processes();
void leave_processes();

} // namespace cnnc

#endif // RUNTIME_MPI_PROCESSES_H_
