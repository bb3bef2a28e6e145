// SPDX-License-Identifier: Apache-2.0
// Who is missing: what ranks answer when a watchdog asks how far they are, and what follows from it. Pure functions over values.
//
// Example: ranks 0 and 1 wait in operation 17 of dp#0:0-1. Rank 1 answers that it has started 18 operations of that group: it is there.
// Rank 1 answers 17 and waits in tp#0:1,3: it is behind, but only because somebody of that group keeps it, so that operation is looked at
// next. Rank 1 answers 17 and waits for nothing: it is missing, busy or caught in something else. No answer: missing, dead or stopped or
// cut off.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "configs/quantities.hpp"
#include "parallel/flight_record.hpp"
#include "parallel/neighbours.hpp"

namespace ergon {

// An operation that somebody waits for, as every rank can read it.
struct AwaitedOperation {
  int rank = 0;                  // that waits
  std::string group, group_key;  // "tp", "tp#0:2-3"
  std::vector<int> members;      // world ranks
  std::string operation, dtype;
  std::int64_t elements = 0;
  std::uint64_t sequence = 0;
  int peer = -1;  // place in `members` of a message's other side; -1: a collective
  std::int64_t step = 0;
  std::string phase;                     // or the part of a step: "forward"
  std::vector<std::int64_t> shape = {};  // as in FlightEntry

  std::string tensor() const;        // "[4, 32] float64", "128 x float64" without a shape
  std::vector<int> awaited() const;  // whom it needs: all other members, or the other side
  bool operator==(const AwaitedOperation&) const = default;
};

struct RankStatus {
  int rank = 0;
  std::int64_t step = 0;
  std::string phase;
  std::map<std::string, FlightGroup> groups;  // by key; counts only
  std::optional<AwaitedOperation> waits;
};

// Phases and parts of a step by name, in the order in which a run comes to them: "forward" before "backward".
std::size_t phase_order(const std::string& phase);

AwaitedOperation describe(const FlightRecord& record, const FlightEntry& entry);
RankStatus status_of(const FlightRecord& record);

struct MissingRank {
  enum class Why { gone, stopped, silent, behind };
  int rank = 0;
  Why why = Why::silent;
  std::string text;  // "does not answer: dead, stopped, or cut off from the network"
  bool answers() const { return why == Why::behind; }
};

struct Judgement {
  std::vector<MissingRank> missing;
  std::optional<AwaitedOperation> next;  // nobody is missing here, but a member waits for this one
};
// `ask` gives what this machine knows of a rank's process.
Judgement judge(const AwaitedOperation& operation, const std::map<int, RankStatus>& answers, const std::map<int, ProcessState>& processes);

struct Verdict {
  int finder = 0;
  std::optional<AwaitedOperation> operation;  // none: a process is gone while this rank waits for nobody
  Seconds waited = {0};
  std::vector<MissingRank> missing;  // empty: all have started the operation and it does not end, or
  bool circle = false;               // ranks wait for ranks that wait for them
  std::set<int> absent() const;      // of these, those that do not answer
};
// The same verdict over the operation that was due first, of all that a missing rank is awaited in: a rank that died in a forward is
// awaited there by its tensor neighbours, while others come as far as the sum of the gradients.
Verdict at_first_absence(Verdict verdict, const std::map<int, RankStatus>& answers);
// The sentence for people and the exit code (ExitCode::stuck); `folder` is where the records are, may be empty.
Error to_error(const Verdict& verdict, const std::string& folder);
// What a rank says that was told a verdict by rank `finder`: the same, and where it stands itself.
Error told_error(const Error& verdict, int finder, const FlightRecord& record);
// What a rank says that was stopped and, woken up, finds others gone.
Error overslept_error(int rank, Seconds stop, const std::vector<int>& gone);

// JSON, for messages and files.
std::string to_text(const AwaitedOperation& operation);
std::string to_text(const RankStatus& status);
RankStatus status_from_text(const std::string& text);
std::string to_text(const Verdict& verdict, const Error& error);

}  // namespace ergon
