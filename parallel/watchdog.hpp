// SPDX-License-Identifier: Apache-2.0
// Ends a run whose ranks can no longer meet, and says who is missing. One thread a rank, nobody is in charge: each watches the operation
// that its own rank waits for.
//
// A hit, any of: an operation is waited for longer than the limit of the trainer's phase; a process of this machine is gone; a stop was
// asked for and a rank that is waited for is dead or stopped, or does not come within `stop` (parallel/stop_patience.hpp). A wait begins
// anew when the phase or the step changes, and time in which this process itself was stopped does not count. A process that was stopped
// for long and finds others gone blames nobody: it says so and ends.
// Then: ask every member of the group how far it is, for at most `collect`; judge (parallel/verdict.hpp), following members that wait for
// others themselves; ask all ranks for the operation that was due first; say it; tell all ranks; write the record; wait until every
// living rank has written, at most `gather`; break what the backend has under way; end. A rank that is told says so too, and where it
// stands itself, and does the same without a verdict of its own. The end comes at the latest `abort` after the hit. A watchdog always
// answers, also while its rank computes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "configs/quantities.hpp"
#include "parallel/flight_folder.hpp"
#include "parallel/flight_record.hpp"
#include "parallel/neighbours.hpp"
#include "parallel/watchdog_mail.hpp"

namespace ergon {

struct WatchdogLimits {
  Seconds start = {600}, step = {300}, checkpoint = {1800};  // longest wait, by phase; evaluation as step, finish as checkpoint
  Seconds abort = {30};
  Seconds collect = {2}, gather = {5};
  Seconds stop = {4};              // longest wait after a stop was asked for, in steps that are short
  std::size_t largest_group = 64;  // that is asked by message; larger ones use the run folder
};

struct WatchdogHooks {
  std::function<bool()> stop_asked;               // empty: never
  std::function<ProcessState(int rank)> process;  // of the ranks in `neighbours`
  std::vector<int> neighbours;
  std::function<void(const Error&)> say;  // to a person
  std::function<void(const Error&)> end;  // the process, or its waits; may not return. May be called from two threads
};

class Watchdog {
 public:
  // `mail` connects `ranks` watchdogs. Throws nothing later: its thread reports what goes wrong by `say`.
  Watchdog(std::shared_ptr<FlightRecord> record, int ranks, std::unique_ptr<WatchdogMail> mail, WatchdogLimits limits, WatchdogHooks hooks);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  // As soon as they are known. The folder is given up (null) before what it writes with goes.
  void set_limits(WatchdogLimits limits);
  void write_to(std::shared_ptr<FlightFolder> folder);
  // How a backend breaks its operations when the run ends, for instance by ncclCommAbort; runs in a thread of its own and is not waited for
  // beyond the deadline. Null: nothing.
  void on_abort(std::function<void()> abort);

  // This rank alone cannot go on: the others are told, write their records and end with the code of `why`, and so does this one. Where a
  // run is ending already, waits for that. Returns only where hooks.end does; nobody else calls anything of this watchdog afterwards.
  void fail(const Error& why);

  void enter(FlightPhase phase, std::int64_t step) { record_->enter(phase, step); }
  const std::shared_ptr<FlightRecord>& record() const { return record_; }

 private:
  class Loop;
  std::shared_ptr<FlightRecord> record_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace ergon
