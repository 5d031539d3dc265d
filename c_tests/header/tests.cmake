# The header in every standard of C and C++ that it promises: alone, twice in one file, and in two files of a program.

set(header_dir ${CMAKE_CURRENT_LIST_DIR})
set(header_flags -fsyntax-only ${warnings} -I ${PROJECT_SOURCE_DIR}/include)

foreach(standard c99 c11 c17 c2x)
  foreach(use alone twice)
    add_test(NAME header.${standard}_${use}
      COMMAND ${CMAKE_C_COMPILER} -std=${standard} ${header_flags} ${header_dir}/${use}.c)
  endforeach()
endforeach()

# After names that other headers define as macros, with warnings that few turn on; and on systems of 32 bits.
add_test(NAME header.c11_hostile COMMAND ${CMAKE_C_COMPILER} -std=c11 ${header_flags}
         -Wshadow -Wconversion -Wundef -Wcast-qual -Wredundant-decls -Wstrict-prototypes ${header_dir}/hostile.c)
# Without attributes, for those who cannot read them; and with them, where they make calls shorter.
add_test(NAME header.c11_without_attributes
         COMMAND ${CMAKE_C_COMPILER} -std=c11 ${header_flags} -DTHREADING_API= ${header_dir}/alone.c)
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  add_test(NAME header.calls_need_no_jump COMMAND sh -c
    "${CMAKE_C_COMPILER} -O2 -fPIE -S -o - -I ${PROJECT_SOURCE_DIR}/include ${header_dir}/first.c | grep 'call.*\\*threading_'")
endif()
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "-m32 -ffreestanding -c")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
check_c_source_compiles("#include <stdint.h>\nint32_t number\;" compiles_for_32_bits)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
unset(CMAKE_REQUIRED_FLAGS)
if(compiles_for_32_bits)
  add_test(NAME header.c99_32_bits
    COMMAND ${CMAKE_C_COMPILER} -std=c99 -m32 -ffreestanding ${header_flags} ${header_dir}/alone.c)
endif()

# Compilers that happen to be there.
foreach(compiler clang tcc musl-gcc)
  find_program(compiler_${compiler} ${compiler})
  if(compiler_${compiler})
    add_test(NAME header.c11_${compiler} COMMAND ${compiler_${compiler}} -std=c11 -Wall -Werror -c -o /dev/null
             -I ${PROJECT_SOURCE_DIR}/include ${header_dir}/alone.c)
  endif()
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
  add_test(NAME header.c++17_hostile COMMAND ${CMAKE_CXX_COMPILER} -x c++ -std=c++17 ${header_flags}
           -Wshadow -Wconversion -Wundef -Wcast-qual -Wredundant-decls ${header_dir}/hostile.c)
  add_executable(header_with_cxx ${header_dir}/first.c ${header_dir}/second.cc)
  target_compile_options(header_with_cxx PRIVATE ${warnings})
  target_link_libraries(header_with_cxx PRIVATE threading::threading)
  add_test(NAME header.two_languages COMMAND header_with_cxx)
else()
  add_test(NAME header.cxx COMMAND ${CMAKE_COMMAND} -E echo "SKIP no C++ compiler")
  set_tests_properties(header.cxx PROPERTIES SKIP_REGULAR_EXPRESSION SKIP)
endif()
