// SPDX-License-Identifier: Apache-2.0
// Reading from a disk that may be a network's: what fails with EIO or ESTALE is tried again, each wait twice the one before. Every other
// failure is thrown at once.
#pragma once

#include <cstdint>

#include "configs/quantities.hpp"
#include "trainer/storage_error.hpp"

namespace ergon {

struct Patience {
  int tries = 9;               // in all
  Seconds first_wait = {0.1};  // 25 s together
};

// The tries of one read:
//   for (Tries tries(patience);;) try { return read(); } catch (const CallError& error) { tries.wait_after(error); }
class Tries {
 public:
  explicit Tries(const Patience& patience) : patience_(patience), wait_(patience.first_wait) {}

  // In the handler that caught `error`. Throws it where waiting does not help, and behind the last try an Error (ExitCode::data) that says
  // how many there were.
  void wait_after(const CallError& error);
  bool first() const { return failed_ == 0; }

 private:
  Patience patience_;
  Seconds wait_;
  int failed_ = 0;
};

// What `attempt` returns. It opens what it reads, each time: a stale handle never comes back.
template <typename Attempt>
auto patiently(const Attempt& attempt, const Patience& patience = {}) {
  for (Tries tries(patience);;) {
    try {
      return attempt();
    } catch (const CallError& error) {
      tries.wait_after(error);
    }
  }
}

}  // namespace ergon
