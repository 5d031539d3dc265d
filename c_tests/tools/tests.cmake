# The library with race detectors around it: docs/tools.md.

set(tools_run ${CMAKE_CURRENT_LIST_DIR}/run.sh ${library_dir})

add_test(NAME tools.tsan_shared COMMAND ${tools_run} shared tsan gcc)
add_test(NAME tools.tsan_static COMMAND ${tools_run} static tsan gcc)
add_test(NAME tools.tsan_of_clang COMMAND ${tools_run} shared tsan clang)
add_test(NAME tools.helgrind COMMAND ${tools_run} shared helgrind)
add_test(NAME tools.drd COMMAND ${tools_run} shared drd)
set_tests_properties(tools.tsan_shared tools.tsan_static tools.tsan_of_clang tools.helgrind tools.drd PROPERTIES
  TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS tools)
