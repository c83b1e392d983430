# oneDNN. Ours open the library with dlopen when a plan uses it, so they need its headers alone: cnnc_dnnl_headers.
# DNNL::dnnl links it, for tools that compare with it.

find_package(dnnl 3.2 CONFIG REQUIRED)

add_library(cnnc_dnnl_headers INTERFACE)
get_target_property(dnnl_include_directories DNNL::dnnl INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(cnnc_dnnl_headers SYSTEM INTERFACE ${dnnl_include_directories})
