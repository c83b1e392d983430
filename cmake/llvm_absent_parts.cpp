// What lld refers to and we leave out, so that the command stays small and starts fast. lld
// initialises every target of the LLVM it was built with, though only the host's has code to link
// here; and its link-time optimiser registers Polly, though we never run it. These do nothing in
// their place.
#include <llvm/Passes/PassPlugin.h>

#define ABSENT_TARGET(name)                             \
  extern "C" void LLVMInitialize##name##TargetInfo() {} \
  extern "C" void LLVMInitialize##name##Target() {}     \
  extern "C" void LLVMInitialize##name##TargetMC() {}   \
  extern "C" void LLVMInitialize##name##AsmPrinter() {} \
  extern "C" void LLVMInitialize##name##AsmParser() {}
CNNC_ABSENT_TARGETS
#undef ABSENT_TARGET

llvm::PassPluginLibraryInfo getPollyPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "polly", "absent", [](llvm::PassBuilder&) {}};
}
