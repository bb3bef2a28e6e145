# SPDX-License-Identifier: Apache-2.0
# What lies in trainer/ itself is one executable, but for the whole runs.
file(GLOB own_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
list(FILTER own_tests EXCLUDE REGEX "/(loop|stages|zero|deterministic|steady_state|training_run|training_run_start)_test\\.cpp$")
ergon_test(trainer SOURCES ${own_tests} TIMEOUT 180 LINK ergon_trainer)
ergon_test(steady_state RANKS 1 2 TIMEOUT 180 LINK ergon_trainer)
ergon_test(loop SOURCES loop_test.cpp training_run_test.cpp training_run_start_test.cpp TIMEOUT 600 LINK ergon_trainer ergon_filtered_loss)
ergon_test(stages SOURCES stages_test.cpp TIMEOUT 600 LINK ergon_trainer)
ergon_test(zero TIMEOUT 600 LINK ergon_trainer)
ergon_test(deterministic RANKS 1 2 4 TIMEOUT 600 LINK ergon_trainer)
