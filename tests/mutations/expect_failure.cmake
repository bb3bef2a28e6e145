# SPDX-License-Identifier: Apache-2.0
# Passes when the test case GATE of the executable MUTANT runs and fails by its own checks, with MESSAGE (may be empty) in what it prints.
set(first_failure --abort)
if(MESSAGE)
  set(first_failure)  # another failure may come before the one that is looked for
endif()
execute_process(COMMAND ${MUTANT} ${first_failure} ${GATE} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "The mutant passed the gate '${GATE}' (or no such test case exists):\n${output}")
endif()
if(NOT output MATCHES "FAILED:")
  message(FATAL_ERROR "The mutant died instead of failing the gate '${GATE}' (${status}):\n${output}")
endif()
string(REGEX REPLACE "[ \n]+" " " line "${output}")
string(FIND "${line}" "${MESSAGE}" place)
if(place EQUAL -1)
  message(FATAL_ERROR "The gate '${GATE}' failed for another reason than '${MESSAGE}':\n${output}")
endif()
