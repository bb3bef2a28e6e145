// SPDX-License-Identifier: Apache-2.0
// How each attempt of a run ended, and so why the next one had to begin: from the ledger, from the "end" events of events.jsonl, from the
// records of the watchdog, and from what Slurm says of its job.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "accounting/ledger_summary.hpp"

namespace ergon {

enum class EndCause {
  finished,           // train.steps reached; it goes on when they grow
  saved,              // 85, by builds that did not say why
  saved_on_signal,    // 85
  saved_before_time,  // 85
  saved_preempted,    // 85, and Slurm gave the nodes to another job
  stopped,            // 86: a person
  loss,               // 86: losses that were not finite, or leaped once too often
  stopped_unsaid,     // 86: one of these two, and neither the event nor result.json says which
  budget,             // 87
  failed,             // with an error that all ranks said
  returned,           // went back to a checkpoint by itself, in the same process
  stuck,              // 5, or one rank's failure: there are flight records
  node_failed,        // this and the following without a word of its own: Slurm says so
  out_of_memory,
  time_limit,
  preempted,
  cancelled,
  died,  // nobody knows why
  open,  // the newest attempt, without an end: it runs or has died
};
const char* key(EndCause cause);   // "saved_on_signal", of JSON
const char* text(EndCause cause);  // "saved on a signal"

// Takes the events of a run; those of other kinds are nothing to it.
class EndTally {
 public:
  // Throws Error (ExitCode::data) at `where` for an end that lacks its attempt or code.
  void add(const nlohmann::json& event, const std::string& where);
  // result.json: why the attempt that wrote it ended, where its event does not say.
  void add_result(const nlohmann::json& result);
  // Of each attempt of the ledger. has_flight: whether the watchdog left records of that attempt.
  std::vector<EndCause> causes(const LedgerSummary& ledger, const std::function<bool(std::int64_t attempt)>& has_flight) const;

 private:
  std::map<std::int64_t, EndCause> ended_;  // by attempt
};

// What is known together with the state in which Slurm has the attempt's job ("NODE_FAIL", "CANCELLED by 1000").
EndCause refined(EndCause cause, const std::string& job_state);

}  // namespace ergon
