// SPDX-License-Identifier: Apache-2.0
// What a ledger adds up to: spent = kept + lost, exactly. Kept is the lineage of the last attempt: its own intervals and, of the attempt it
// resumed, those up to the step it resumed at, and so on; everything else was done and lost (rolled back, crashed).
//
// Example: attempt 1 does steps 1..80 with a checkpoint at 50, attempt 2 resumes at 50 and ends at 100: spent 130 steps, kept 100, lost 30.
#pragma once

#include <optional>

#include "accounting/ledger.hpp"

namespace ergon {

struct Tally {
  std::int64_t steps = 0;
  Tokens tokens, valid_tokens;
  FlopTally training, evaluation;
  TimeSplit seconds;
  Tally& operator+=(const Interval& interval);
  bool operator==(const Tally&) const = default;
};

struct AttemptSummary {
  AttemptStart start;
  Tally spent;
  std::int64_t last_step = 0;               // the furthest that it booked
  std::int64_t kept_from = 0, kept_to = 0;  // its steps (kept_from, kept_to] are in the kept lineage; equal: none
  TimeSplit kept;                           // of spent.seconds, that of intervals in the kept lineage
  Seconds closed, after;                    // moment of its newest stamped line, 0: none; seconds booked by lines without a stamp after it
  bool returned = false;                    // it went back by itself, to where the next one began
};

// An interval whose ranks were compared.
struct SkewOfInterval {
  std::int64_t attempt = 0, from_step = 0, to_step = 0;
  RankSkew skew;
};

struct LedgerSummary {
  Tally spent, kept, lost;
  std::vector<AttemptSummary> attempts;
  std::vector<CommunicationRow> communication;  // counted, of everything spent
  CommunicationVolumes predicted;               // of what was counted
  bool predicted_in_part = false;               // some was counted by builds that predicted nothing
  std::int64_t uncounted_steps = 0;             // on several ranks: their counts died with the process
  std::int64_t torn_lines = 0;
  std::vector<SkewOfInterval> skews;
};

// Throws Error (ExitCode::data) for a ledger that contradicts itself: an attempt without its start, numbered twice, resuming a step that
// its parent never finished, or intervals that leave a hole.
LedgerSummary summarise(const Ledger& ledger, const std::string& source);

// kept / spent in FLOPs of the convention; empty before anything was spent.
std::optional<double> goodput(const LedgerSummary& summary, const std::string& id);

}  // namespace ergon
