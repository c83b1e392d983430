# cnnc_onnx_library: ONNX's own C++ library (protobuf messages, checker, schemas, version converter), built from the
# sources that its Python wheel carries. Its CMakeLists.txt is neither in the wheel nor usable with CMake 3.25.

find_package(Protobuf 3.21 REQUIRED)

set(onnx_candidates)
foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
  file(GLOB found ${prefix}/lib/python3*/site-packages)
  list(APPEND onnx_candidates ${found})
endforeach()
find_path(CNNC_ONNX_ROOT onnx/version_converter/convert.cc PATHS ${onnx_candidates} NO_DEFAULT_PATH
  DOC "The folder that holds onnx/ with its C++ sources" REQUIRED)

# cnnc_onnx_protos(OUT): rules that generate the message classes; OUT is set to the sources.
function(cnnc_onnx_protos out)
  set(directory ${PROJECT_BINARY_DIR}/onnx-generated)
  foreach(name onnx-ml onnx-operators-ml onnx-data)
    set(generated ${directory}/onnx/${name}.pb.cc ${directory}/onnx/${name}.pb.h)
    add_custom_command(OUTPUT ${generated}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${directory}
      COMMAND protobuf::protoc -I ${CNNC_ONNX_ROOT} --cpp_out=${directory} onnx/${name}.proto
      DEPENDS ${CNNC_ONNX_ROOT}/onnx/${name}.proto
      COMMENT "Generating onnx/${name}.pb.h" VERBATIM)
    list(APPEND sources ${generated})
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# cnnc_onnx_batches(OUT): files that include eight sources each, which halves the build time. CMake's own unity build
# writes absolute paths into them, and a compiler cache would miss in every other clone.
function(cnnc_onnx_batches out)
  file(GLOB_RECURSE names RELATIVE ${CNNC_ONNX_ROOT} ${CNNC_ONNX_ROOT}/onnx/*.cc)
  list(FILTER names EXCLUDE REGEX "cpp2py_export\\.cc$|/test/|/fuzz/")
  # These two clash with their neighbours.
  set(single onnx/defs/schema.cc onnx/defs/tensor_proto_util.cc)
  list(REMOVE_ITEM names ${single})
  list(TRANSFORM single PREPEND ${CNNC_ONNX_ROOT}/ OUTPUT_VARIABLE sources)

  set(number 0)
  while(names)
    list(SUBLIST names 0 8 batch)
    list(REMOVE_ITEM names ${batch})
    list(TRANSFORM batch REPLACE "(.+)" "#include \"\\1\"\n")
    list(JOIN batch "" content)
    set(file ${PROJECT_BINARY_DIR}/onnx-generated/batch_${number}.cc)
    file(CONFIGURE OUTPUT ${file} CONTENT "${content}" @ONLY)
    list(APPEND sources ${file})
    math(EXPR number "${number} + 1")
  endwhile()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

cnnc_onnx_protos(onnx_generated)
cnnc_onnx_batches(onnx_batches)
add_library(cnnc_onnx_library STATIC EXCLUDE_FROM_ALL ${onnx_batches} ${onnx_generated})
set_target_properties(cnnc_onnx_library PROPERTIES OUTPUT_NAME onnx CXX_STANDARD 17)
# Run once per import: half the build time is worth more than its speed.
target_compile_options(cnnc_onnx_library PRIVATE -O1 -w)
target_compile_definitions(cnnc_onnx_library PUBLIC ONNX_NAMESPACE=onnx ONNX_ML=1)
target_include_directories(cnnc_onnx_library SYSTEM PUBLIC
  ${PROJECT_BINARY_DIR}/onnx-generated ${CNNC_ONNX_ROOT})
target_link_libraries(cnnc_onnx_library PUBLIC protobuf::libprotobuf)
