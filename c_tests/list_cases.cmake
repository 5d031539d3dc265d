# Asks PROGRAM for its cases and writes LIST, which tells CTest of each.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE cases RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${NAME} does not list its cases: ${result}")
endif()
string(STRIP "${cases}" cases)
if(cases STREQUAL "")
  message(FATAL_ERROR "${NAME} has no case")
endif()
string(REPLACE "\n" ";" cases "${cases}")

set(text "")
foreach(case ${cases})
  string(APPEND text
    "add_test([=[${NAME}.${case}]=] [=[${PROGRAM}]=] ${case})\n"
    "set_tests_properties([=[${NAME}.${case}]=] PROPERTIES TIMEOUT 30 SKIP_RETURN_CODE 77 LABELS case)\n")
endforeach()
file(WRITE ${LIST} "${text}")
