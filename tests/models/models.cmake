# The zoo: models are written once into the build folder, then every engine runs them.
set(CNNC_SHARED ${PROJECT_SOURCE_DIR}/../shared CACHE PATH "Folder with the models that tests make, may be absent")
set(zoo ${PROJECT_BINARY_DIR}/models)
target_compile_definitions(models_test_support PRIVATE CNNC_MODELS="${zoo}")
add_test(NAME models/make_models
  COMMAND ${CNNC_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/models/make_models.py ${CNNC_SHARED} ${zoo})
set_tests_properties(models/make_models PROPERTIES
  LABELS "slow;models" TIMEOUT 900 SKIP_RETURN_CODE 77 FIXTURES_SETUP models)
