// SPDX-License-Identifier: Apache-2.0
// What a run has had of each of its sources: the event "data" of events.jsonl, which `ergon report` prints.
//
//   {"event": "data", "attempt": 1, "step": 200, "padding": 0.0, "retried_reads": 0,
//    "sources": [{"name": "a.h5", "uuid": "...", "samples": 9000, "tokens": 9216000, "unique_tokens": 4096000, "epochs": 2.25}]}
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "trainer/data/data_state.hpp"

namespace ergon {

// The event's fields but `step` and `retried_reads`. unique_tokens: of one epoch; epochs: tokens / unique_tokens.
nlohmann::json source_use(const DataState& state, const TokenSource& source);

}  // namespace ergon
