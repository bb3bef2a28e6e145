# SPDX-License-Identifier: Apache-2.0
# Libraries of the distribution; each line names the Debian package in launch/setup.sh.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(NLopt REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
# Its library alone: its flags would redefine _XOPEN_SOURCE for all who link it.
pkg_check_modules(NCURSESW REQUIRED ncursesw)

# The serial HDF5: thread-safe, and no MPI-IO (trainer/README.md, Decisions).
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)

# MPI's C++ bindings are gone from the standard, yet mpi.h still declares them: without this macro every file fails to link.
set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI REQUIRED COMPONENTS CXX)
add_library(ergon_mpi INTERFACE)
target_compile_definitions(ergon_mpi INTERFACE OMPI_SKIP_MPICXX)
target_link_libraries(ergon_mpi INTERFACE MPI::MPI_CXX)

# The distribution's Python, because its h5py reads our files in tests; another one may come first on PATH.
if(EXISTS /usr/bin/python3 AND NOT Python3_EXECUTABLE)
  set(Python3_EXECUTABLE /usr/bin/python3 CACHE FILEPATH "Python 3 with h5py")
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
