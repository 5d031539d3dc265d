# The soak for some seconds; and that it finds each fault that can be planted.

file(GLOB soak_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/soak/*.c)
add_executable(soak ${soak_sources})
target_compile_options(soak PRIVATE ${warnings})
target_include_directories(soak PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/soak)
target_link_libraries(soak PRIVATE threading::threading Threads::Threads)

add_test(NAME soak.five_seconds COMMAND soak 5 1)
set_tests_properties(soak.five_seconds PROPERTIES TIMEOUT 120 LABELS case)
foreach(fault lock semaphore token event item order timer task loop thread)
  # Some seconds at most, where the machine has time for it.
  add_test(NAME soak.finds_${fault} COMMAND soak 60 1 ${fault})
  set_tests_properties(soak.finds_${fault} PROPERTIES TIMEOUT 180 LABELS case PASS_REGULAR_EXPRESSION "divergence")
endforeach()
