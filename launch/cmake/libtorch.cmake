# SPDX-License-Identifier: Apache-2.0
# LibTorch from the `torch` wheel: ERGON_TORCH (a torch folder), else .venv of this checkout. Linked directly, because find_package(Torch)
# drags in CUDA. Its include folders come last: the wheel carries fmt headers that shadow the system's and break the link.
if(NOT ERGON_TORCH)
  file(GLOB torch_found ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  if(DEFINED ENV{ERGON_TORCH})
    set(torch_found $ENV{ERGON_TORCH})
  endif()
  set(ERGON_TORCH "${torch_found}" CACHE PATH "The torch folder of a Python installation" FORCE)
endif()
if(NOT EXISTS ${ERGON_TORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch in '${ERGON_TORCH}'. Run launch/setup.sh, or set ERGON_TORCH to the torch folder of a Python installation.")
endif()

file(GLOB torch_needs ${ERGON_TORCH}/../nvidia/cu13/lib ${ERGON_TORCH}/../nvidia/*/lib)
list(JOIN torch_needs ":" torch_rpath_link)

add_library(ergon_torch INTERFACE)
target_compile_options(ergon_torch INTERFACE "SHELL:-idirafter \"${ERGON_TORCH}/include\"" "SHELL:-idirafter \"${ERGON_TORCH}/include/torch/csrc/api/include\"" -fopenmp)
target_link_libraries(ergon_torch INTERFACE ${ERGON_TORCH}/lib/libtorch_cpu.so ${ERGON_TORCH}/lib/libc10.so ${ERGON_TORCH}/lib/libgomp.so.1)
target_link_options(ergon_torch INTERFACE "LINKER:-rpath-link,${torch_rpath_link}" LINKER:--allow-shlib-undefined)
list(APPEND CMAKE_BUILD_RPATH ${ERGON_TORCH}/lib)
