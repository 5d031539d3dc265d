# Installs the build tree BUILD below WORK, and uses what was installed.
set(prefix ${WORK}/prefix)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${result}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
foreach(file
    ${INCLUDEDIR}/threading.h ${LIBDIR}/libthreading.a ${LIBDIR}/libthreading.so
    ${LIBDIR}/libthreading.so.${VERSION} ${LIBDIR}/pkgconfig/threading.pc
    ${LIBDIR}/cmake/threading/threading-config.cmake
    ${DOCDIR}/LICENSE-MIT ${DOCDIR}/LICENSE-APACHE ${DOCDIR}/libthreading.cdx.json)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "${file} is not installed")
  endif()
endforeach()

# An installed tree may be moved.
file(RENAME ${prefix} ${WORK}/moved)
set(prefix ${WORK}/moved)

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build
  -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_C_COMPILER=${CC})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/with_threading)
run(${WORK}/build/with_static)

if(NOT PKG_CONFIG)
  message(STATUS "pkg-config is not there: threading.pc was not tried")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
foreach(options "" "--static")
  execute_process(COMMAND ${PKG_CONFIG} --cflags --libs ${options} threading
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "pkg-config does not find threading")
  endif()
  separate_arguments(flags UNIX_COMMAND "${flags}")
  if(options STREQUAL "--static")
    list(TRANSFORM flags REPLACE "^-lthreading$" "-l:libthreading.a")
  endif()
  run(${CC} ${CMAKE_CURRENT_LIST_DIR}/main.c ${flags} -Wl,-rpath,${prefix}/${LIBDIR} -o ${WORK}/with_pkg_config)
  run(${WORK}/with_pkg_config)
endforeach()
