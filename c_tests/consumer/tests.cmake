# Installs into a prefix of its own, then builds and runs a program as a user would: by CMake and by pkg-config.
find_program(PKG_CONFIG pkg-config)
add_test(NAME install.consumer
  COMMAND ${CMAKE_COMMAND}
    -D BUILD=${PROJECT_BINARY_DIR} -D WORK=${CMAKE_CURRENT_BINARY_DIR}/consumer -D CC=${CMAKE_C_COMPILER}
    -D LIBDIR=${CMAKE_INSTALL_LIBDIR} -D INCLUDEDIR=${CMAKE_INSTALL_INCLUDEDIR} -D VERSION=${PROJECT_VERSION}
    -D DOCDIR=${CMAKE_INSTALL_DOCDIR}
    -D PKG_CONFIG=${PKG_CONFIG} -P ${CMAKE_CURRENT_LIST_DIR}/run.cmake)
set_tests_properties(install.consumer PROPERTIES TIMEOUT 120)
