// SPDX-License-Identifier: Apache-2.0
// A small model on a small token store, run whole in this process: ranks are threads of the local backend, everything else is what `ergon
// train` uses.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/head_partition.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/data/token_store_writer.hpp"
#include "trainer/events.hpp"
#include "trainer/loop.hpp"
#include "trainer/process.hpp"

namespace ergon::test {

// Documents of bytes with some structure: counting patterns, of lengths that differ.
inline void write_tiny_store(const std::string& path, int documents = 40) {
  ergon::test::InspectingStorage storage;
  const std::unique_ptr<Tokenizer> tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(path, *tokenizer, storage);
  for (int d = 0; d < documents; ++d) {
    std::string text;
    for (int i = 1; i < 30 + d % 7; ++i) text += std::to_string(i * d % 97) + " ";
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    writer.add(ids, d % 5 == 0 ? Split::validation : Split::train);
  }
  writer.finish("[]");
}

// Labels that count differ between every part of a step: whole samples are ignored, so some microbatches have none.
inline void uneven_labels(std::int64_t sample, std::span<std::uint8_t> counts) {
  for (std::size_t t = 0; t < counts.size(); ++t) counts[t] = sample % 3 != 0 && (t * 7 + static_cast<std::size_t>(sample)) % 5 < 3;
}

// The groups of the run's mesh.
inline Communicators communicators_of(const RunConfig& config, std::unique_ptr<Communicator> world, const DeviceGroup& device = {}) {
  const Mesh mesh = mesh_of(config.mesh);
  const int replicas = static_cast<int>(partition_heads(config.model.heads, config.model.kv_heads, mesh.size(Axis::tp), 0).kv_replicas);
  return Communicators(mesh, std::move(world), replicas, device, context_sharding(config.mesh).exchanging());
}

// Infinite where the runs have different steps, or none.
inline double worst_difference(const std::map<std::int64_t, double>& a, const std::map<std::int64_t, double>& b) {
  double worst = a.size() == b.size() && !a.empty() ? 0 : INFINITY;
  for (const auto& [step, loss] : a) worst = std::max(worst, b.contains(step) ? std::abs(loss - b.at(step)) : INFINITY);
  return worst;
}

inline thread_local int this_rank = 0;  // of the run that this thread trains in

struct TinyRun {
  TinyRun() { write_tiny_store(folder / "tokens.h5"); }

  // fp64, grouped heads, rotary, swiglu, dropout, V = 257; more keys override.
  RunConfig config(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> keys = {"model.layers=2",
                                     "model.width=32",
                                     "model.heads=4",
                                     "model.kv_heads=2",
                                     "model.ffn_width=64",
                                     "model.vocabulary=257",
                                     "model.sequence=16",
                                     "model.dropout=0.1",
                                     "model.norm=rmsnorm",
                                     "model.positions=rotary",
                                     "model.mlp=swiglu",
                                     "train.steps=6",
                                     "train.batch=8",
                                     "train.microbatch=1",
                                     "train.dtype=float64",
                                     "train.evaluate_every=3",
                                     "train.evaluate_batches=2",
                                     "optimizer.lr=1e-2",
                                     "optimizer.minimum_lr=1e-3",
                                     "optimizer.warmup=2",
                                     "checkpoint.every=3",
                                     "checkpoint.asynchronous=false",  // so that a run that dies has the checkpoint of its last save
                                     "data.train=[\"" + folder / "tokens.h5" + "\"]",
                                     "run.folder=\"" + folder / "run" + "\""};
    keys.insert(keys.end(), more.begin(), more.end());
    return parse_run_text("", "test", keys);
  }

  // Runs the training on as many threads as the mesh has ranks; the result of rank 0.
  RunResult run(const RunConfig& config, const std::function<void(LoopOptions&)>& adjust = {}) const {
    RunResult result;
    std::mutex mutex;
    run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
      prepare_process(1);
      const int rank = this_rank = world->rank();
      Communicators communicators = communicators_of(config, std::move(world));
      ergon::test::InspectingStorage storage;
      LoopOptions options;
      if (adjust) adjust(options);
      const RunResult mine = run_training(config, communicators, storage, options);
      const std::lock_guard lock(mutex);
      if (rank == 0) result = mine;
    });
    return result;
  }

  std::string events(const RunConfig& config) const { return read_file(config.run.folder + "/events.jsonl"); }

  std::map<std::int64_t, double> losses(const RunConfig& config) const {
    std::map<std::int64_t, double> curve;
    for (const auto& [step, event] : loss_curve(events(config), "events")) curve[step] = event.loss;
    return curve;
  }

  TemporaryFolder folder;
};

}  // namespace ergon::test
