// SPDX-License-Identifier: Apache-2.0
// How fast checkpoints are written and read here, beside what the disk gives a plain program, and what a save costs training: of the
// training thread's own time, and of the steps while another thread writes. One rank.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "configs/run_config.hpp"
#include "trainer/checkpoint/saver.hpp"

namespace ergon {

struct CheckpointBenchJob {
  std::vector<std::string> overrides;  // of the default job of bench train
  std::int64_t threads = 1, rounds = 3;
  std::string folder = ".";  // on the disk that is measured; what is written there is removed
  std::string against;       // "pytorch"; empty: nothing to compare with
  std::string python;        // empty: the one of launch/setup.sh --python-torch
};

// Seconds, one a round; the cases take turns, and which of a save and dd comes first does too.
struct CheckpointBenchFigures {
  Bytes bytes;                               // of the shard
  std::vector<double> save, dd;              // a blocking save, snapshot to commit; `dd conv=fsync` of as many bytes
  std::vector<SaveSeconds> phases;           // of the save
  std::vector<double> verify;                // what retention does next: every byte re-read from the device and checked
  std::vector<double> load, read;            // from the device: a load; reads of 1 MiB, one after another
  std::vector<double> blocked, copy, write;  // of a save beside training: by the training thread, by the other one
  std::vector<double> step_alone;            // median of a round
  std::vector<double> step_beside, steps;    // the same while the other thread copies or writes, and how many those are
  std::vector<double> slowed;                // by how much those steps together took longer than alone
  std::vector<double> torch_save, torch_load, distributed_save, distributed_load;  // of --against pytorch
};

// Throws Error for what the disk refuses, and for a dd or a Python that is not there.
CheckpointBenchFigures bench_checkpoint(const CheckpointBenchJob& job);

nlohmann::json checkpoint_bench_result(const CheckpointBenchJob& job, const CheckpointBenchFigures& figures);
std::string checkpoint_bench_text(const nlohmann::json& result);

}  // namespace ergon
