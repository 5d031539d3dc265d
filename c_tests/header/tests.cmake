# The header in every standard of C and C++ that it promises: alone, twice in one file, and in two files of a program.

set(header_dir ${CMAKE_CURRENT_LIST_DIR})
set(header_flags -fsyntax-only ${warnings} -I ${PROJECT_SOURCE_DIR}/include)

foreach(standard c99 c11 c17 c2x)
  foreach(use alone twice)
    add_test(NAME header.${standard}_${use}
      COMMAND ${CMAKE_C_COMPILER} -std=${standard} ${header_flags} ${header_dir}/${use}.c)
  endforeach()
endforeach()

add_executable(header_two_files ${header_dir}/first.c ${header_dir}/second.c)
target_compile_options(header_two_files PRIVATE ${warnings})
target_link_libraries(header_two_files PRIVATE threading::threading)
add_test(NAME header.two_files COMMAND header_two_files)

if(CMAKE_CXX_COMPILER)
  foreach(standard c++11 c++14 c++17 c++20)
    foreach(use alone twice)
      add_test(NAME header.${standard}_${use}
        COMMAND ${CMAKE_CXX_COMPILER} -x c++ -std=${standard} ${header_flags} ${header_dir}/${use}.c)
    endforeach()
  endforeach()
  add_executable(header_with_cxx ${header_dir}/first.c ${header_dir}/second.cc)
  target_compile_options(header_with_cxx PRIVATE ${warnings})
  target_link_libraries(header_with_cxx PRIVATE threading::threading)
  add_test(NAME header.two_languages COMMAND header_with_cxx)
else()
  add_test(NAME header.cxx COMMAND ${CMAKE_COMMAND} -E echo "SKIP no C++ compiler")
  set_tests_properties(header.cxx PROPERTIES SKIP_REGULAR_EXPRESSION SKIP)
endif()
