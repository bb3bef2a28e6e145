// SPDX-License-Identifier: Apache-2.0
// The ledger of a run, RUN/ledger.jsonl: append-only JSON lines that say what was spent, attempt after attempt. Text in, text out; the
// trainer appends durably through Storage. Format: accounting/FORMAT.md.
//
// How it is filled:
// - An attempt begins with one AttemptStart; then intervals, each beginning at the step where the one before ended (the first at
//   resumed_step).
// - An interval covers the steps (from_step, to_step]; to_step == from_step is allowed (start-up, evaluation or checkpoint time alone).
// - A line is appended BEFORE the checkpoint of its to_step is committed, so every checkpoint lies on an interval's end and no kept
//   step is missing. Evaluate at a step before saving it: what is done after a save is redone by the next attempt. A crash loses
//   what follows the last line from the books: report names the steps, but nobody can name their evaluations.
// - A rollback appends Abandon first: steps after from_step of that attempt's lineage are lost.
// FLOPs are sums over all ranks; seconds are wall clock of the run, not summed over ranks; communication is summed over ranks. Moments are
// seconds since 1970, by the clock of rank 0's machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "accounting/communication_volume.hpp"
#include "accounting/conventions.hpp"
#include "accounting/parameters.hpp"
#include "configs/quantities.hpp"

namespace ergon {

struct FlopTally {
  FlopsById model;        // by convention id
  Flops gemm, attention;  // hardware, as flop_audit counted
  Flops hardware() const { return gemm + attention; }
  FlopTally& operator+=(const FlopTally& other);
  bool operator==(const FlopTally&) const = default;
};

// Disjoint parts of the wall clock; their sum is the attempt's time.
struct TimeSplit {
  Seconds step;  // training steps, waiting for data left out
  Seconds data_wait, evaluation, checkpoint, startup;
  Seconds training() const { return step + data_wait; }  // what tokens/s and MFU divide by
  Seconds total() const { return step + data_wait + evaluation + checkpoint + startup; }
  TimeSplit& operator+=(const TimeSplit& other);
  bool operator==(const TimeSplit&) const = default;
};

struct CommunicationRow {
  std::string group, operation;  // "tp", "all_reduce"
  std::int64_t calls = 0;
  Bytes bytes;
  Seconds seconds, exposed;  // exposed: of these, spent waiting
  bool operator==(const CommunicationRow&) const = default;
};
// Adds rows of the same group and operation together; the result is sorted.
std::vector<CommunicationRow> merge(std::vector<CommunicationRow> a, const std::vector<CommunicationRow>& b);

struct ConfigChange {
  std::string key, before, after;
  bool operator==(const ConfigChange&) const = default;
};

// A choice that was made by measuring.
struct MeasuredChoice {
  std::string what, choice;  // "gemm", "mkl"
  Seconds seconds;
  bool operator==(const MeasuredChoice&) const = default;
};

// What an attempt holds of the machine while it lives, as it knows itself.
struct AllocationStamp {
  Seconds started;          // moment: its process, or, where it goes on in the process of the attempt before, itself
  std::int64_t places = 1;  // for ranks: those that train and those that stay idle
  std::string job;          // the number that Slurm gave; empty: none
  std::int64_t restarts = 0;
  Seconds job_submitted, job_started;  // moments, as Slurm said at the start of this attempt; 0: unknown
  bool operator==(const AllocationStamp&) const = default;
};

struct AttemptStart {
  std::int64_t attempt = 1;  // from 1
  std::int64_t parent = 0;   // the attempt that saved the checkpoint it resumes; 0: started afresh
  std::int64_t resumed_step = 0;
  std::string mesh;  // Mesh::summary()
  std::int64_t world_size = 1;
  std::string device;        // "cpu", "h100-sxm"
  std::int64_t devices = 1;  // that the peak is multiplied with
  FlopsPerSecond peak;       // of one device; 0: unknown
  std::string peak_source;   // of a known peak, the reason of an unknown one
  ParameterCounts parameters;
  std::int64_t torn_lines = 0;  // torn last lines that this attempt cut off
  std::vector<ConfigChange> changes;
  std::vector<MeasuredChoice> measured;       // their seconds are part of the first interval's startup
  std::optional<AllocationStamp> allocation;  // none: by builds before stamps
  bool operator==(const AttemptStart&) const = default;
};

// How far apart the ranks were: seconds a step in which a rank was busy, waiting for data and for other ranks left out; over the
// steps since the line before that has one, an attempt's first left out.
struct RankSkew {
  std::int64_t steps = 0;       // measured
  Seconds least, median, most;  // of all ranks
  // The rank that was furthest behind its peers, those that do the same work: for three quarters of the time it took more than `ratio`
  // times as long as the median of them. Where no two do the same work all are peers, each measured by its own best interval. 0: a build
  // before that, and `slowest` is the one that was busy longest.
  double ratio = 0;
  std::int64_t slowest = 0;  // world rank
  std::string host;          // of it
  bool is_straggler() const { return ratio > 1.2; }
  bool operator==(const RankSkew&) const = default;
};

struct Interval {
  std::int64_t attempt = 1;
  std::int64_t from_step = 0, to_step = 0;
  Tokens tokens, valid_tokens;  // trained on; evaluation's tokens are not in it
  FlopTally training, evaluation;
  TimeSplit seconds;
  std::vector<CommunicationRow> communication;  // as counted
  // The same as the configuration predicts it. None where nothing was counted (recovered work), or by builds before predictions.
  std::optional<CommunicationVolumes> predicted;
  std::optional<RankSkew> skew;  // none: one rank, or too few steps
  Seconds closed;                // moment when this line was made; 0: unknown (recovered work, builds before stamps)
  bool operator==(const Interval&) const = default;
};

struct Abandon {
  std::int64_t attempt = 1;
  std::int64_t from_step = 0;
  bool operator==(const Abandon&) const = default;
};

using LedgerLine = std::variant<AttemptStart, Interval, Abandon>;
// One line of JSON with its newline.
std::string format(const LedgerLine& line);

struct Ledger {
  std::vector<LedgerLine> lines;
  std::size_t intact_bytes = 0;  // up to here the text is whole lines: cut the file there before appending
  bool torn = false;             // what follows is a torn last line (configs/whole_lines.hpp), ignored
};
// Throws Error (ExitCode::data, where = "source:line") for any whole line that is not a ledger line of a known schema.
Ledger parse_ledger(std::string_view text, const std::string& source);

}  // namespace ergon
