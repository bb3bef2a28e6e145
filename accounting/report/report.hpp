// SPDX-License-Identifier: Apache-2.0
// What one run came to, read from its folder: RUN/ledger.jsonl (required), RUN/result.json, RUN/events.jsonl, RUN/config.toml (each
// optional). result.json: of its keys, `reason`, `code`, `step`, `attempt` are read. events.jsonl: of "step" and "evaluation" events
// `attempt`, `step`, `loss`; of the newest "data" event what was had of each source; of "save" events what they cost (saves.hpp); of "end"
// events `attempt`, `code`, `cause`, `reason` (attempt_ends.hpp).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accounting/ledger_summary.hpp"
#include "accounting/report/allocation.hpp"
#include "accounting/report/saves.hpp"

namespace ergon {

struct LossPoint {
  std::int64_t step = 0;
  double loss = 0;
};

// What the kept lineage has had of one entry of data.train.
struct SourceUse {
  std::string name;
  std::int64_t tokens = 0, unique_tokens = 0;  // unique: of one epoch
  double epochs = 0;
};

struct RunReport {
  std::string run;  // the folder, as it was named
  LedgerSummary ledger;
  std::map<std::string, std::optional<double>> mfu, hfu;  // by convention id
  std::optional<double> tokens_per_second;
  std::optional<LossPoint> training_loss, validation_loss;  // of the last step in the kept lineage
  std::vector<SourceUse> sources;                           // empty: events.jsonl does not say
  double padding = 0;                                       // part of all positions
  SaveCost saves;
  std::vector<EndCause> ends;  // of each attempt, as the run's own files say
  RunAllocation allocation;
  std::string outcome;                        // from result.json; empty: the run has not ended
  std::string config;                         // the echo of the resolved configuration; empty when there is none
  std::int64_t unbooked_steps = 0;            // in events.jsonl, done after an attempt's last ledger line: lost, and in no figure
  std::map<std::string, std::string> reason;  // why a figure is absent, by dotted key
};

// Throws Error (ExitCode::data) that names the folder when it has no ledger, and for what parse_ledger and summarise refuse.
RunReport read_run(const std::string& folder);

// The jobs of Slurm that the attempts name, each once; and what its accounts say of them put in the place of the run's own stamps.
std::vector<std::string> jobs_of(const RunReport& run);
void use_job_records(RunReport& run, const std::vector<JobRecord>& records);

// The page a person reads, and the JSON that scripts read (schema ergon.report.v1); several runs add up.
std::string report_text(const std::vector<RunReport>& runs);
std::string report_json(const std::vector<RunReport>& runs);

}  // namespace ergon
