# cnnc_llvm: LLVM 19 for generating, linking and running kernels, with lld as a library.

find_package(LLVM 19.1 CONFIG REQUIRED)
find_package(LLD CONFIG REQUIRED)

add_library(cnnc_llvm INTERFACE)
target_include_directories(cnnc_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${LLD_INCLUDE_DIRS})
separate_arguments(llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_definitions(cnnc_llvm INTERFACE ${llvm_definitions})

# Named as files: the imported targets of lld bring the shared LLVM whatever we choose.
target_link_libraries(cnnc_llvm INTERFACE
  ${LLVM_LIBRARY_DIRS}/liblldELF.a ${LLVM_LIBRARY_DIRS}/liblldCommon.a)

# cnnc_static_llvm(): the archives for the host's target, and stand-ins for what lld refers to besides.
function(cnnc_static_llvm)
  set(absent ${LLVM_TARGETS_TO_BUILD})
  list(REMOVE_ITEM absent ${LLVM_NATIVE_ARCH})
  list(TRANSFORM absent REPLACE "(.+)" "ABSENT_TARGET(\\1)")
  list(JOIN absent " " absent)

  add_library(cnnc_llvm_absent_parts STATIC cmake/llvm_absent_parts.cpp)
  cnnc_compile_options(cnnc_llvm_absent_parts)
  target_compile_definitions(cnnc_llvm_absent_parts PRIVATE "CNNC_ABSENT_TARGETS=${absent}")
  target_include_directories(cnnc_llvm_absent_parts SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
  # Debian has Polly there, in a package of its own.
  set_target_properties(LLVMExtensions PROPERTIES
    INTERFACE_LINK_LIBRARIES "LLVMSupport;cnnc_llvm_absent_parts")

  # The second row is what lld needs.
  llvm_map_components_to_libnames(libraries
    core support irreader bitwriter passes target orcjit jitlink native
    lto mc object objcopy option binaryformat demangle debuginfodwarf targetparser)
  target_link_libraries(cnnc_llvm INTERFACE cnnc_llvm_absent_parts ${libraries})
endfunction()

if(CNNC_SHARED_LLVM)
  target_link_libraries(cnnc_llvm INTERFACE LLVM)
else()
  cnnc_static_llvm()
endif()
target_link_libraries(cnnc_llvm INTERFACE ZLIB::ZLIB zstd::libzstd_shared)
