# SPDX-License-Identifier: Apache-2.0
# What lies in trainer/ itself is one executable, but for the whole runs.
file(GLOB own_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
list(FILTER own_tests EXCLUDE REGEX "/(loop|loop_meshes|mask_meshes|stages|zero|zero_stages|nccl_steps|meshes|random_meshes|deterministic|steady_state|training_run|training_run_start|training_run_save|training_run_return|blended_run|rank_skew)_test\\.cpp$")
ergon_test(trainer SOURCES ${own_tests} TIMEOUT 600 LINK ergon_trainer)
ergon_test(steady_state RANKS 1 2 TIMEOUT 600 LINK ergon_trainer)
ergon_test(loop SOURCES loop_test.cpp training_run_test.cpp training_run_start_test.cpp training_run_save_test.cpp training_run_return_test.cpp blended_run_test.cpp TIMEOUT 600 LINK ergon_trainer ergon_filtered_loss)
# Whole runs in which ranks sleep: mostly waiting.
ergon_test(rank_skew TIMEOUT 120 LINK ergon_trainer)
# Ranks as threads: whole runs on many meshes.
ergon_test(loop_meshes LABELS parallel TIMEOUT 600 LINK ergon_trainer)
ergon_test(mask_meshes LABELS parallel TIMEOUT 600 LINK ergon_trainer)
ergon_test(stages LABELS parallel TIMEOUT 600 LINK ergon_trainer)
ergon_test(zero SOURCES zero_test.cpp zero_stages_test.cpp LABELS parallel TIMEOUT 600 LINK ergon_trainer)
# The same over the mock of NCCL.
ergon_test(nccl_steps SOURCES nccl_steps_test.cpp LABELS parallel TIMEOUT 300 LINK ergon_nccl_mock ergon_collective_cases ergon_trainer)
ergon_test(meshes RANKS 2 4 8 TIMEOUT 600 LINK ergon_trainer)
ergon_test(random_meshes LABELS parallel TIMEOUT 600 LINK ergon_trainer rapidcheck)
set_property(TEST trainer/random_meshes APPEND PROPERTY ENVIRONMENT "RC_PARAMS=seed=6 max_success=150")
ergon_test(deterministic RANKS 1 2 4 TIMEOUT 600 LINK ergon_trainer)
