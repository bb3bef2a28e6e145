# SPDX-License-Identifier: Apache-2.0
# The flags of our own code, as one interface target: warnings are errors here and nowhere else.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(ergon_options INTERFACE)
target_compile_features(ergon_options INTERFACE cxx_std_20)
target_compile_options(ergon_options INTERFACE -Wall -Wextra -Werror -Wno-unknown-pragmas)
target_include_directories(ergon_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
if(ERGON_SANITIZE)
  target_compile_options(ergon_options INTERFACE -fsanitize=${ERGON_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(ergon_options INTERFACE -fsanitize=${ERGON_SANITIZE})
endif()

# A bare machine builds everything once: there, parsing the large headers once a library saves a third of the time. Where a compiler
# cache is at work it does better without, and it shows a source that forgets an include.
set(precompile ON)
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(precompile OFF)
endif()
option(ERGON_PRECOMPILE "Precompile the large headers of libraries" ${precompile})

# ergon_library(NAME [PRECOMPILE headers] ...): a static library of every source in this folder and below, nested targets excluded.
# Folders are rooms: a file that lies in one belongs to it, so the list is the folder itself (launch/README.md, Decisions).
function(ergon_library name)
  cmake_parse_arguments(ARG "" "" "EXCLUDE;LINK;PRECOMPILE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ergon_options ${ARG_LINK})
    if(ERGON_PRECOMPILE AND ARG_PRECOMPILE)
      target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ergon_options ${ARG_LINK})
  endif()
endfunction()
