# SPDX-License-Identifier: Apache-2.0
# ergon_mutation(NAME FILE path/of/source.cpp TEST target GATE "test case" [MESSAGE "text"] [TIMEOUT 120])
# A wrong variant of one file must fail the gate that guards against it. tests/mutations/NAME.patch is applied to a copy of FILE (a patch that does not apply
# fails the build), the copy is linked in front of the library into an executable with the objects and libraries of the test TEST, and CTest
# `mutations/NAME` passes only when the test case GATE, run alone, fails in it, and says MESSAGE when one is given. GATE must not hold a comma (Catch2 reads that as "or"); it may end in *.
function(ergon_mutation name)
  cmake_parse_arguments(ARG "" "FILE;TEST;GATE;MESSAGE;TIMEOUT" "" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(ARG_GATE MATCHES ",")
    message(FATAL_ERROR "ergon_mutation(${name}): a comma in GATE")
  endif()
  set(folder ${CMAKE_BINARY_DIR}/mutants/${name})
  set(patch ${CMAKE_SOURCE_DIR}/tests/mutations/${name}.patch)
  get_filename_component(parent ${ARG_FILE} DIRECTORY)
  add_custom_command(
    OUTPUT ${folder}/${ARG_FILE}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}/${parent}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/${ARG_FILE} ${folder}/${ARG_FILE}
    # Below a repository git takes paths from its root and skips ours without a word: hide it.
    COMMAND ${CMAKE_COMMAND} -E chdir ${folder} ${CMAKE_COMMAND} -E env GIT_CEILING_DIRECTORIES=${CMAKE_BINARY_DIR}/mutants git apply ${patch}
    DEPENDS ${CMAKE_SOURCE_DIR}/${ARG_FILE} ${patch}
    VERBATIM)
  compile_apart(${ARG_FILE})
  add_executable(mutant_${name} ${folder}/${ARG_FILE} $<TARGET_OBJECTS:${ARG_TEST}>)
  target_link_libraries(mutant_${name} PRIVATE $<TARGET_PROPERTY:${ARG_TEST},LINK_LIBRARIES>)
  target_link_options(mutant_${name} PRIVATE $<TARGET_PROPERTY:${ARG_TEST},LINK_OPTIONS>)  # its objects may count on them
  if(ARG_FILE MATCHES "^trainer/")
    with_first_headers(mutant_${name} ergon_trainer)
  endif()
  add_dependencies(ergon_unit mutant_${name})
  add_test(NAME mutations/${name} COMMAND ${CMAKE_COMMAND} -DMUTANT=$<TARGET_FILE:mutant_${name}> "-DGATE=${ARG_GATE}" "-DMESSAGE=${ARG_MESSAGE}" -P ${CMAKE_SOURCE_DIR}/tests/mutations/expect_failure.cmake)
  set_tests_properties(mutations/${name} PROPERTIES LABELS unit TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "OMP_NUM_THREADS=1")
endfunction()
