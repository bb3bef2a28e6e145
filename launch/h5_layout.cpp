// SPDX-License-Identifier: Apache-2.0
// `ergon h5-layout`: the helper process that opens HDF5 files which others may have written (launch/hdf5_helper).
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "trainer/hdf5_reader.hpp"

namespace ergon {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool memory_is_limited = false;  // the sanitizer reserves terabytes of addresses
#else
constexpr bool memory_is_limited = true;
#endif

constexpr rlim_t more_memory = rlim_t{2} << 30, processor_seconds = 30;

void limit(int resource, rlim_t value) {
  rlimit now;
  if (::getrlimit(resource, &now) != 0) throw Error("getrlimit failed", "ergon h5-layout", "", ExitCode::world);
  now.rlim_cur = std::min(value, now.rlim_max);
  now.rlim_max = now.rlim_cur;
  if (::setrlimit(resource, &now) != 0) throw Error("setrlimit failed", "ergon h5-layout", "", ExitCode::world);
}

// The libraries of this program alone take much of the address space, so the limit counts from what is mapped now.
void limit_myself() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  if (memory_is_limited) limit(RLIMIT_AS, pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + more_memory);
  limit(RLIMIT_CPU, processor_seconds);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CORE, 0);
}

}  // namespace

int command_h5_layout(int argc, char** argv) {
  CommandLine line("ergon h5-layout",
                   "Where the datasets of an HDF5 file lie, as JSON. Internal: Ergon starts it as a process of its own, because HDF5 can "
                   "crash over a damaged file.");
  std::string path;
  std::vector<std::string> names;
  line.option(names, "--names", "NAME", "only this dataset, by its absolute name; may be given several times");
  line.positional(path, "FILE", "an HDF5 file");
  if (!line.parse(argc, argv)) return 0;
  limit_myself();
  try {
    std::cout << to_text(read_hdf5_contents(path, names)) << std::flush;
    return 0;
  } catch (const Error& error) {
    std::cout << refusal_text(error) << std::flush;
    throw;
  }
}

}  // namespace ergon
