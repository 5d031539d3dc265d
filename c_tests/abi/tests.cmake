# What programs were compiled against: the layout in both languages and widths, and programs of older releases.

set(abi_dir ${CMAKE_CURRENT_LIST_DIR})

add_test(NAME abi.layout_c COMMAND ${CMAKE_C_COMPILER} -std=c11 ${header_flags} ${abi_dir}/layout.c)
if(CMAKE_CXX_COMPILER)
  add_test(NAME abi.layout_c++
    COMMAND ${CMAKE_CXX_COMPILER} -x c++ -std=c++11 ${header_flags} ${abi_dir}/layout.c)
endif()
if(compiles_for_32_bits)
  add_test(NAME abi.layout_32_bits
    COMMAND ${CMAKE_C_COMPILER} -std=c11 -m32 -ffreestanding ${header_flags} ${abi_dir}/layout.c)
endif()

# A program of each release, compiled against the declarations of then.
foreach(release 0.1)
  string(REPLACE "." "_" suffix ${release})
  add_cases(release_${suffix} abi/release_${suffix}.c threading::threading)
  target_include_directories(release_${suffix} BEFORE PRIVATE ${abi_dir}/${release})
endforeach()
