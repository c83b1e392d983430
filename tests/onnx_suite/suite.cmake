# The ONNX backend suite: the cases are written once into the build folder, then every engine runs them.
cnnc_program(onnx_suite_runner SOURCES onnx_suite/runner.cpp onnx_suite/suite_case.cpp
  LINK cnnc_test_engines cnnc_frontend_onnx)

set(onnx_suite_cases ${PROJECT_BINARY_DIR}/onnx_suite)
add_test(NAME onnx_suite/make_cases
  COMMAND ${CNNC_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/onnx_suite/make_cases.py ${onnx_suite_cases})
set_tests_properties(onnx_suite/make_cases PROPERTIES
  LABELS "slow;onnx_suite" TIMEOUT 900 SKIP_RETURN_CODE 77 FIXTURES_SETUP onnx_suite_cases)
add_test(NAME onnx_suite/run
  COMMAND onnx_suite_runner ${onnx_suite_cases} ${CMAKE_CURRENT_SOURCE_DIR}/onnx_suite/expected_failures.txt)
set_tests_properties(onnx_suite/run PROPERTIES
  LABELS "slow;onnx_suite" TIMEOUT 1800 SKIP_RETURN_CODE 77 FIXTURES_REQUIRED onnx_suite_cases)
