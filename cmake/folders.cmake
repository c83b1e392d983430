# One rule for all folders: sources are globbed, so adding a file touches no list, and a folder without sources still
# gives a target that others may link.

# cnnc_compile_options(TARGET): what our own code, and nobody else's, is compiled with.
function(cnnc_compile_options target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror)
endfunction()

# cnnc_library(NAME SOURCES globs... PUBLIC targets... PRIVATE targets...)
function(cnnc_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  file(GLOB sources CONFIGURE_DEPENDS ${arg_SOURCES})
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${arg_PUBLIC})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  cnnc_compile_options(${name})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# cnnc_program(NAME SOURCES files... LINK targets...)
function(cnnc_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  cnnc_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# cnnc_add_folder(FOLDER): the folder's own CMakeLists.txt, or a library cnnc_FOLDER of all its sources.
function(cnnc_add_folder folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  else()
    cnnc_library(cnnc_${folder} SOURCES ${folder}/*.cpp ${folder}/kernels/*.cpp)
  endif()
endfunction()
