// Exit codes of the command and of compiled executables.
#ifndef RUNTIME_EXIT_CODE_H_
#define RUNTIME_EXIT_CODE_H_

#include "runtime/cnnc.h"

namespace cnnc {

enum ExitCode : int {
  kExitOk = 0,
  kExitMismatch = 1, // a comparison or test failed
  kExitUsage = 2,
  kExitModel = 3, // the model is invalid, not supported, or not for this CPU
  kExitFile = 4,  // a file cannot be read or written
  kExitLimit = 5, // out of a stated limit
  kExitFault = 70,
};

inline ExitCode exit_code(cnnc_status status) {
  switch (status) {
    case CNNC_OK: return kExitOk;
    case CNNC_INVALID_ARGUMENT: return kExitUsage;
    case CNNC_INVALID_MODEL:
    case CNNC_UNSUPPORTED_CPU: return kExitModel;
    case CNNC_OUT_OF_MEMORY: return kExitLimit;
    case CNNC_IO_ERROR:
    case CNNC_LIBRARY_ERROR: return kExitFile;
    case CNNC_BUSY: break;
  }
  return kExitFault;
}

} // namespace cnnc

#endif // RUNTIME_EXIT_CODE_H_
