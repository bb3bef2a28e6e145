// SPDX-License-Identifier: Apache-2.0
// How a run stands, from the files of its folder alone: for `ergon status`, `ergon watch`, `ergon logs` and the scripts of jobs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "configs/run_config.hpp"
#include "launch/runs/line_follower.hpp"
#include "parallel/process_identity.hpp"

namespace ergon {

struct RunStatus {
  enum class State {
    empty,    // nothing has trained here yet
    running,  // somebody trains here, as far as can be seen from this machine
    ended,    // result.json is there
    broken,   // neither: the newest attempt died
  };

  std::string folder;
  State state = State::empty;
  std::int64_t attempt = 0, step = 0, steps = 0;
  std::optional<double> loss, validation_loss;
  double tokens_per_second = 0;      // of the last 20 steps; 0: unknown
  double data_wait = 0;              // share of their time
  std::optional<Seconds> remaining;  // until train.steps, at that speed
  Seconds longest_save = {0};
  std::optional<int> code;                   // of result.json
  std::string reason;                        // of result.json, or what is known of the end
  std::string owner;                         // host, process and job of who trains
  std::optional<ProcessIdentity> rank_zero;  // the same, as a process
  std::string job;                           // the newest number that Slurm gave to this run; empty: none
  std::int64_t stalled_starts = 0;           // the newest starts in a row from one step, none of which saved a later one
};

// Throws Error (ExitCode::data) for a folder that is not there or whose files cannot be read.
RunStatus read_run_status(const std::string& folder);

struct RunOutcome {
  std::int64_t attempt = 0;
  int code = 70;
};

// What came of the newest attempt that has ended; empty while there is none. Of result.json alone, so that damage elsewhere hides no end.
// Throws as read_run_status.
std::optional<RunOutcome> read_outcome(const std::string& folder);

// How a run stands, again and again, for who stays and watches: of events.jsonl only what is new is read.
class RunStatusReader {
 public:
  // Called with each event as it is read, behind what the reader itself makes of it.
  using OnEvent = std::function<void(const nlohmann::json& event)>;

  explicit RunStatusReader(std::string folder, OnEvent on_event = {});
  ~RunStatusReader();

  // limit: about so many bytes of events at most. Throws as read_run_status, and as LineFollower does.
  RunStatus read(std::size_t limit = LineFollower::everything);

  double share_read() const;        // of the events that were there
  const RunConfig* config() const;  // of the newest attempt; null before there is one

 private:
  struct State;
  std::unique_ptr<State> state_;
};

const char* name(RunStatus::State state);
// Lines for a person, and an object of schema ergon.status.v1.
std::string status_text(const RunStatus& status);
std::string status_json(const RunStatus& status);

// RUN/launch/job: which job trains here. Throws Error (ExitCode::data) when it cannot be written.
void remember_job(const std::string& folder, const std::string& job);

}  // namespace ergon
