// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/process_limits.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <limits>

namespace ergon {
namespace {

std::int64_t soft_limit(decltype(RLIMIT_NOFILE) resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  return limit.rlim_cur > static_cast<rlim_t>(std::numeric_limits<std::int64_t>::max()) ? -1 : static_cast<std::int64_t>(limit.rlim_cur);
}

}  // namespace

ProcessLimits process_limits() {
  ProcessLimits limits;
  limits.open_files = soft_limit(RLIMIT_NOFILE);
  limits.processes = ::geteuid() == 0 ? -1 : soft_limit(RLIMIT_NPROC);
  limits.locked_memory = {soft_limit(RLIMIT_MEMLOCK)};
  limits.stack = {soft_limit(RLIMIT_STACK)};
  limits.core_file = {soft_limit(RLIMIT_CORE)};
  return limits;
}

}  // namespace ergon
