// SPDX-License-Identifier: Apache-2.0
// What the ranks of a run move between them, predicted from its configuration alone: calls and bytes of every group and operation, summed
// over ranks, exact. A communicator counts what it moved (parallel/communication_event.hpp); the two are equal, and `ergon report` shows
// them side by side.
//
// Bytes of one operation over n ranks: all_reduce 2(n-1) x size; all_gather and reduce_scatter (n-1) x total; all_to_all the blocks that
// leave their rank; broadcast (n-1) x size; send and ring_shift their size; recv 0. A group of one rank moves nothing and is not listed.
//
// Not predicted, because their sizes are those of texts: the group `control` (agreement, ledger, checkpoints).
//
// Example: dp = 4, float32, 1000 elements of parameters in one bucket of 1008: a step sums 1008 x 4 bytes over cp-dp, 4 calls and 2 x 3 x
// 4032 = 24,192 bytes, and its loss, 4 calls and 48 bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "configs/run_config.hpp"

namespace ergon {

struct CommunicationVolume {
  std::string group, operation;  // "tp", "all_reduce"
  std::int64_t calls = 0;        // of all ranks
  Bytes bytes;
  bool operator==(const CommunicationVolume&) const = default;
};
// Sorted by group and operation, each once.
using CommunicationVolumes = std::vector<CommunicationVolume>;
void add(CommunicationVolumes& sum, const CommunicationVolumes& more, std::int64_t times = 1);

enum class StepUpdate { done, skipped };

// Of one training step, its batch included. A step that is skipped shares no new weights.
CommunicationVolumes step_volumes(const RunConfig& config, StepUpdate update);
// Of one evaluation of so many batches of train.batch sequences, these included.
CommunicationVolumes evaluation_volumes(const RunConfig& config, std::int64_t batches);

// The axes whose ranks form a group, "cp-dp"; "all" of every rank; empty for a name that no group of a run has.
std::string axes_of_group(const std::string& group);
// Why a group has no prediction; empty: it has one.
std::string why_not_predicted(const std::string& group);

}  // namespace ergon
