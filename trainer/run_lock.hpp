// SPDX-License-Identifier: Apache-2.0
// One process at a time trains in a run folder. RUN/lock.a0007 says that attempt 7 does: the lock with the highest number counts.
//
// Taking it and claiming the attempt are one act: link(2) gives a complete file (token, attempt, who, since when, counter) the name of the
// next number, which fails for all but one of those who try; attempts/a0007 is made next, and the locks of earlier attempts are removed. So
// nobody ever removes or replaces the lock of a number that is not below its own, and a taker that is stopped half-way and wakes up finds
// its number taken. (With one name for all attempts it would remove the lock of whoever came after it.)
//
// The owner writes a counter every 10 s from a thread of its own. A lock is stale only when this machine shows its process gone, or when
// the counter stands still for 60 s of the watcher's own clock: clocks of two machines are never compared. An owner that was stopped and
// taken over finds its file gone or a higher attempt, and must change nothing more: check() throws, on any thread. What a process that dies
// by a signal leaves is taken at once on the same machine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "configs/quantities.hpp"
#include "parallel/process_identity.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// Intervals, in seconds; tests make them short.
struct LockTiming {
  Seconds beat{10};   // between two counts of the owner
  Seconds stale{60};  // a counter that stands still for so long has no owner
  Seconds look{0.5};  // between two looks of a watcher
  Seconds tell{5};    // between two lines of a watcher
};

class RunLock {
 public:
  // Waits while the owner of an existing lock may be alive, telling so through `say`. Throws Error (ExitCode::data), naming host, pid,
  // since when and the way out, once that owner's counter has moved.
  RunLock(Storage& storage, std::string run_folder, LockTiming timing = {}, std::function<void(const std::string&)> say = {});
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();  // gives the lock back, if it is still ours

  int attempt() const { return attempt_; }
  // Claims the next attempt without giving the run up in between. Throws Error (ExitCode::data) when another process has taken it.
  int advance();
  // Reads the lock again. Throws Error (ExitCode::data) when another attempt has taken it. Call it before every change that others see.
  void check() const;
  // The same, but only when our file has been removed or the last look is so long ago that somebody may have judged us gone: one fstat,
  // cheap enough for every step.
  void check_lately() const;

 private:
  bool take(int attempt);
  bool ours() const;
  void remove_older() const;
  void beat();
  std::string path(int attempt) const;

  Storage& storage_;
  const std::string folder_;
  const LockTiming timing_;
  const std::string token_;
  int attempt_ = 0;
  Storage::File file_;
  std::int64_t counter_at_ = 0;             // byte of the counter in the file
  mutable std::atomic<double> looked_ = 0;  // seconds of a clock that runs on while the machine sleeps

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ergon
