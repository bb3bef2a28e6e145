// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/allocation.hpp"

#include <algorithm>
#include <set>

namespace ergon {
namespace {

const AllocationStamp* stamp_of(const AttemptSummary& attempt) { return attempt.start.allocation ? &*attempt.start.allocation : nullptr; }

// Whether `next` goes on in what `attempt` was given: a return in the same process, or another process in the same start of a job.
bool shares_grant(const AttemptSummary& attempt, const AttemptSummary& next) {
  const AllocationStamp *a = stamp_of(attempt), *b = stamp_of(next);
  if (a == nullptr || b == nullptr) return false;
  const bool same_start = a->job == b->job && a->restarts == b->restarts;
  return same_start && (attempt.returned || !a->job.empty());
}

// The start of the job that an attempt began in: the newest that is not later. Slurm counts whole seconds, and its clock may differ a bit.
const JobRecord* record_of(const AllocationStamp& stamp, const std::vector<JobRecord>& records) {
  const JobRecord* newest = nullptr;
  for (const JobRecord& record : records)
    if (!stamp.job.empty() && record.job == stamp.job && record.started.value > 0 && record.started.value <= stamp.started.value + 2 &&
        (newest == nullptr || record.started > newest->started))
      newest = &record;
  return newest;
}

// When the attempt was last heard of.
Seconds last_moment(const AttemptSummary& attempt, const AllocationStamp& stamp) {
  return std::max(stamp.started, attempt.closed.value > 0 ? attempt.closed : stamp.started) + attempt.after;
}

struct Moments {
  Seconds begin, end;
  bool known_end = true;
};

// before, next: null at the ends of the list.
Moments moments_of(const AttemptSummary* before, const AttemptSummary& attempt, const AttemptSummary* next, EndCause end,
                   const JobRecord* record) {
  const AllocationStamp& stamp = *stamp_of(attempt);
  Moments held{stamp.started, last_moment(attempt, stamp)};
  if (before == nullptr || !shares_grant(*before, attempt)) {
    const Seconds granted = record != nullptr ? record->started : stamp.job_started;
    if (granted.value > 0) held.begin = std::min(granted, held.begin);
  }
  if (next != nullptr && shares_grant(attempt, *next))
    held.end = std::max(held.begin, stamp_of(*next)->started);
  else if (record != nullptr && record->ended.value > 0)
    held.end = record->ended;
  else
    held.known_end = record == nullptr && end < EndCause::stuck && end != EndCause::failed;
  return held;
}

std::optional<Seconds> queue_wait(const AllocationStamp& stamp, const JobRecord* record, Seconds free_since) {
  const Seconds submitted = record != nullptr ? record->submitted : stamp.job_submitted;
  const Seconds started = record != nullptr ? record->started : stamp.job_started;
  if (submitted.value == 0 || started.value == 0) return std::nullopt;
  return std::max(Seconds{0}, started - std::max(submitted, free_since));
}

DeviceSeconds parts_of(const AttemptSummary& attempt, std::int64_t places, Seconds held) {
  const auto ranks = static_cast<double>(attempt.start.world_size);
  const TimeSplit &spent = attempt.spent.seconds, &kept = attempt.kept;
  DeviceSeconds parts;
  parts.allocated = static_cast<double>(places) * held;
  parts.useful = ranks * kept.step;
  parts.lost = ranks * (spent.training() - kept.training());
  parts.data_wait = ranks * kept.data_wait;
  parts.evaluation = ranks * spent.evaluation;
  parts.checkpoint = ranks * spent.checkpoint;
  parts.startup = ranks * spent.startup;
  parts.idle = static_cast<double>(places - attempt.start.world_size) * held;
  parts.unknown = ranks * (held - spent.total());
  return parts;
}

// The attempt of that job that began first after this moment, or last before it; null: none names the job.
const AttemptAllocation* nearest(const LedgerSummary& ledger, const RunAllocation& all, const JobRecord& record) {
  const AttemptAllocation* found = nullptr;
  for (std::size_t i = 0; i < all.attempts.size(); ++i) {
    if (all.attempts[i].job.empty() || all.attempts[i].job != record.job) continue;
    found = &all.attempts[i];
    if (stamp_of(ledger.attempts[i])->started > record.started) break;
  }
  return found;
}

// Starts in the accounts that no attempt began in: a launcher that failed, a refusal before the ledger, a node that died at once.
void add_silent_starts(RunAllocation& all, const LedgerSummary& ledger, const std::vector<JobRecord>& records,
                       const std::set<const JobRecord*>& known) {
  for (const JobRecord& record : records) {
    const bool ran = record.started.value > 0 && (record.ended.value == 0 || record.ended > record.started);
    const AttemptAllocation* like = ran && !known.contains(&record) ? nearest(ledger, all, record) : nullptr;
    if (like == nullptr) continue;
    ++all.silent_starts;
    all.at_least |= record.ended.value == 0;
    if (record.ended.value == 0) continue;
    DeviceSeconds held;
    held.allocated = held.unknown = static_cast<double>(like->places) * (record.ended - record.started);
    all.total += held;
  }
}

// Without accounts: restarts of a job that its attempts pass over.
void count_skipped_starts(RunAllocation& all, const LedgerSummary& ledger, const std::vector<JobRecord>& records) {
  std::map<std::string, std::int64_t> next;  // job -> the restart that its next attempt would have
  for (const AttemptSummary& attempt : ledger.attempts) {
    const AllocationStamp* stamp = stamp_of(attempt);
    if (stamp == nullptr || stamp->job.empty() || std::ranges::find(records, stamp->job, &JobRecord::job) != records.end()) continue;
    all.uncounted_starts += std::max<std::int64_t>(0, stamp->restarts - next[stamp->job]);
    next[stamp->job] = stamp->restarts + 1;
  }
  all.at_least |= all.uncounted_starts > 0;
}

}  // namespace

const char* name(AllocationSource source) {
  switch (source) {
    case AllocationSource::booked:
      return "booked";
    case AllocationSource::stamps:
      return "stamps";
    case AllocationSource::sacct:
      return "sacct";
  }
  return "";
}

DeviceSeconds& DeviceSeconds::operator+=(const DeviceSeconds& other) {
  allocated += other.allocated;
  useful += other.useful;
  lost += other.lost;
  data_wait += other.data_wait;
  evaluation += other.evaluation;
  checkpoint += other.checkpoint;
  startup += other.startup;
  idle += other.idle;
  unknown += other.unknown;
  return *this;
}

std::optional<double> RunAllocation::goodput_of_time() const {
  if (total.allocated.value <= 0) return std::nullopt;
  return total.useful.value / total.allocated.value;
}

RunAllocation allocate(const LedgerSummary& ledger, const std::vector<EndCause>& ends, const std::vector<JobRecord>& records) {
  RunAllocation all;
  Seconds free_since;  // the end of the attempt before
  std::set<const JobRecord*> known;
  for (std::size_t i = 0; i < ledger.attempts.size(); ++i) {
    const AttemptSummary& attempt = ledger.attempts[i];
    const AttemptSummary* before = i > 0 ? &ledger.attempts[i - 1] : nullptr;
    const AttemptSummary* next = i + 1 < ledger.attempts.size() ? &ledger.attempts[i + 1] : nullptr;
    AttemptAllocation row;
    row.attempt = attempt.start.attempt;
    row.ranks = row.places = attempt.start.world_size;
    row.end = ends[i];
    row.held = attempt.spent.seconds.total();
    row.at_least = true;
    if (const AllocationStamp* stamp = stamp_of(attempt)) {
      const JobRecord* record = record_of(*stamp, records);
      known.insert(record);
      const bool last_of_grant = next == nullptr || !shares_grant(attempt, *next);
      if (record != nullptr && last_of_grant) row.end = refined(row.end, record->state);
      const Moments held = moments_of(before, attempt, next, row.end, record);
      row.places = std::max(row.ranks, stamp->places);
      row.job = stamp->job;
      row.source = record != nullptr ? AllocationSource::sacct : AllocationSource::stamps;
      row.at_least = !held.known_end;
      row.held = std::max(row.held, held.end - held.begin);
      if (before == nullptr || !shares_grant(*before, attempt)) row.queue_wait = queue_wait(*stamp, record, free_since);
      free_since = held.end;
    }
    row.seconds = parts_of(attempt, row.places, row.held);
    all.total += row.seconds;
    all.at_least |= row.at_least;
    if (row.queue_wait) all.queue_wait = all.queue_wait.value_or(Seconds{0}) + *row.queue_wait;
    if (next != nullptr) ++all.restarts[row.end];
    all.attempts.push_back(row);
  }
  add_silent_starts(all, ledger, records, known);
  count_skipped_starts(all, ledger, records);
  return all;
}

}  // namespace ergon
