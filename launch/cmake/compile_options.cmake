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
  # What sanitizers put between a value and its use makes g++ doubt values that are always set, in the library's own <regex> for one.
  target_compile_options(ergon_options INTERFACE -fsanitize=${ERGON_SANITIZE} -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  if(ERGON_SANITIZE MATCHES undefined)
    # They cost nearly half of the compiler's time (a dozen sources of trainer/: 85 s with them, 47 s without). A null pointer that is used, and what lies
    # outside of an object, are seen by the address sanitizer; the readers of files have all checks in tests/fuzz.
    target_compile_options(ergon_options INTERFACE -fno-sanitize=null,alignment,object-size)
  endif()
  target_link_options(ergon_options INTERFACE -fsanitize=${ERGON_SANITIZE})
endif()

# A bare machine builds everything once: there, most of the time would go into parsing the same large headers for every source, so the compiler is given a
# dozen sources of a target at a time. Where a compiler cache is at work it does better without, and it shows a source that forgets an include.
set(unity ON)
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(unity OFF)
endif()
option(ERGON_UNITY "Compile the sources of a target a dozen at a time" ${unity})
set(CMAKE_UNITY_BUILD ${ERGON_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 12)
if(ERGON_UNITY)
  # A class that is hidden in a source may have members of types of its unnamed namespace. g++ warns: it takes a source that another one includes for a header.
  target_compile_options(ergon_options INTERFACE -Wno-subobject-linkage)
endif()

# compile_apart(SOURCE): this source of a library is never compiled together with others, because some executable brings another object in its place.
function(compile_apart source)
  string(REGEX MATCH "^(parallel/plan|[^/]+)" room ${source})
  set_property(SOURCE ${CMAKE_SOURCE_DIR}/${source} DIRECTORY ${CMAKE_SOURCE_DIR}/${room} PROPERTY SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

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
    if(ERGON_UNITY AND ARG_PRECOMPILE)
      target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
    endif()
    # By place in the list, so that the same sources meet whether or not some of them are compiled apart.
    set_target_properties(${name} PROPERTIES UNITY_BUILD_MODE GROUP)
    set(place 0)
    foreach(source ${sources})
      math(EXPR dozen "${place} / 12")
      set_property(SOURCE ${source} PROPERTY UNITY_GROUP ${dozen})
      math(EXPR place "${place} + 1")
    endforeach()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ergon_options ${ARG_LINK})
  endif()
endfunction()
