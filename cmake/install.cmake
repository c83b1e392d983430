# What `cmake --install` puts where: the command, libcnnc.so with its headers, the archives that compiled models are
# linked with, and what find_package() and pkg-config read.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_LIBDIR lib)

# One shared library of everything, so that a program needs neither LLVM's nor ONNX's development files.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/cnnc_shared.cpp CONTENT "")
add_library(cnnc_shared SHARED ${PROJECT_BINARY_DIR}/cnnc_shared.cpp)
set(public_parts cnnc_model cnnc_frontend_dsl)
list(JOIN public_parts "," joined_parts)
target_link_libraries(cnnc_shared PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${public_parts}>)
set_target_properties(cnnc_shared PROPERTIES
  OUTPUT_NAME cnnc
  LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,${joined_parts}"
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/cnnc_symbols.map)
target_link_options(cnnc_shared PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/cnnc_symbols.map)

install(TARGETS cnnc_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(part cnnc_runtime cnnc_main cnnc_trainer cnnc_dnnl)
  if(TARGET ${part})
    install(TARGETS ${part} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
install(DIRECTORY include/cnnc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

configure_package_config_file(cmake/cnncConfig.cmake.in ${PROJECT_BINARY_DIR}/cnncConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cnnc
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cnncConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/cnnc.pc.in ${PROJECT_BINARY_DIR}/cnnc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cnncConfig.cmake ${PROJECT_BINARY_DIR}/cnncConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cnnc)
install(FILES ${PROJECT_BINARY_DIR}/cnnc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
