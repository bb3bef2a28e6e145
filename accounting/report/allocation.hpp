// SPDX-License-Identifier: Apache-2.0
// What a run held of the machine, in device-seconds, and what came of it: allocated = useful + lost + data wait + evaluation + checkpoint +
// start-up + idle + unknown, exactly. An attempt holds its places (those of ranks that train, and idle ones) from the start of its job, or
// of its process where there is no job, to the end of that job as Slurm's accounts have it, or, without them, to its last ledger line.
//
// Goodput of time is useful / allocated. That of FLOPs (accounting/ledger_summary.hpp) is kept / spent, and knows nothing of waiting.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accounting/ledger_summary.hpp"
#include "accounting/report/attempt_ends.hpp"

namespace ergon {

// A job, or one start of a requeued one, as Slurm's accounts have it. Moments are seconds since 1970; 0: not yet, or not known.
struct JobRecord {
  std::string job, state;
  Seconds submitted, started, ended;
  bool operator==(const JobRecord&) const = default;
};

enum class AllocationSource {
  booked,  // builds before stamps: what the ledger books, and nothing beside it
  stamps,  // the run's own clock, and what Slurm said when it started
  sacct,
};
const char* name(AllocationSource source);

struct DeviceSeconds {
  Seconds allocated;
  Seconds useful;     // steps that were kept, waiting for data left out
  Seconds lost;       // steps that were not, with what they waited for data
  Seconds data_wait;  // of kept steps
  Seconds evaluation, checkpoint, startup;
  Seconds idle;     // places without a rank that trains
  Seconds unknown;  // of ranks that train, in none of these: between the job's start and the run's, after its end, killed work
  DeviceSeconds& operator+=(const DeviceSeconds& other);
};

struct AttemptAllocation {
  std::int64_t attempt = 0, places = 1, ranks = 1;
  std::string job;  // empty: none
  AllocationSource source = AllocationSource::booked;
  bool at_least = false;  // its end is not known: counted up to what it booked last
  Seconds held;           // wall clock
  DeviceSeconds seconds;
  std::optional<Seconds> queue_wait;  // from the job's submission, or the end of the attempt before, to its start
  EndCause end = EndCause::open;
};

struct RunAllocation {
  std::vector<AttemptAllocation> attempts;
  DeviceSeconds total;
  bool at_least = false;
  // Starts of its jobs that came to no attempt. By Slurm's accounts: all that they held is unknown, as many places as the nearest attempt
  // of that job has. By the jobs' own count of restarts: in no figure, and the sum is at least so much.
  std::int64_t silent_starts = 0, uncounted_starts = 0;
  std::optional<Seconds> queue_wait;              // of all jobs of which it is known
  std::map<EndCause, std::int64_t> restarts;      // attempts that another one followed
  std::optional<double> goodput_of_time() const;  // empty: nothing was allocated
};

// ends: of each attempt. records: of the jobs that the attempts name, in any order; may be empty.
RunAllocation allocate(const LedgerSummary& ledger, const std::vector<EndCause>& ends, const std::vector<JobRecord>& records);

}  // namespace ergon
