# SPDX-License-Identifier: Apache-2.0
# What lies in trainer/ itself is one executable.
file(GLOB own_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
ergon_test(trainer SOURCES ${own_tests} TIMEOUT 120 LINK ergon_trainer)
