// SPDX-License-Identifier: Apache-2.0
#include "launch/start_limit.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "configs/error.hpp"
#include "configs/units.hpp"
#include "parallel/started_ranks.hpp"
#include "parallel/watchdog.hpp"

namespace ergon {
namespace {

constexpr const char* key = "ERGON_START_LIMIT";

[[noreturn]] void give_up(Seconds limit) {
  const StartedRanks started = started_ranks();
  fmt::print(
      stderr,
      "ergon: error: rank {} of {} has waited {} for the others to begin\n"
      "  hint: one has died before it could say so, or its network carries nothing: see which ranks say nothing here and in their logs, "
      "and `ergon doctor` under the same launcher; {} waits longer\n",
      started.rank, started.size, to_text(limit), key);
  std::fflush(stderr);
  _exit(static_cast<int>(ExitCode::stuck));
}

}  // namespace

Seconds start_limit(const char* (*variable)(const char* name)) {
  const char* text = variable(key);
  if (text == nullptr || *text == '\0') return WatchdogLimits{}.start;
  try {
    const Seconds limit = parse_seconds(text);
    if (limit.value > 0) return limit;
  } catch (const Error&) {
  }
  throw Error(fmt::format("'{}' is not a time longer than 0", text), key, "write it as \"20 min\", or unset it", ExitCode::config);
}

std::unique_ptr<Deadline> limit_start() {
  const Seconds limit = start_limit([](const char* variable) -> const char* { return std::getenv(variable); });
  return std::make_unique<Deadline>(limit, [limit] { give_up(limit); });
}

}  // namespace ergon
