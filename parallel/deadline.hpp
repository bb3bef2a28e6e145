// SPDX-License-Identifier: Apache-2.0
// What happens if something takes too long: destroyed in time, nothing. For calls that cannot be given a limit, such as MPI_Finalize.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "configs/quantities.hpp"

namespace ergon {

class Deadline {
 public:
  // `late` runs on a thread of this object.
  Deadline(Seconds limit, std::function<void()> late);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();  // waits for `late` if it runs

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

// Runs `call` in a thread of its own and waits for its end, at most `patience`; a call that hangs is left behind.
void run_within(Seconds patience, std::function<void()> call);

}  // namespace ergon
