// SPDX-License-Identifier: Apache-2.0
// The groups of a mesh as communicators: each axis set becomes the (color, key) that the mesh computes, the same pair for every backend.
//
// Two kinds, by where the tensors are. Host groups carry control, batches, checkpoints and scalar sums; device groups carry parameters,
// activations and gradients. In a run on CPUs a device group IS the host group; in a run on GPUs it is its twin over NCCL.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"
#include "parallel/plan/mesh.hpp"

namespace ergon {

// Which traffic must not stand behind which: critical is waited for at once (tp, cp, pp), bulk runs beside compute (gradients, ZeRO).
enum class Traffic { critical, bulk };

// Makes the device's twin of a host group: the same ranks in the same order, for tensors on the run's device. Collective over `host`.
using DeviceGroup =
    std::function<std::unique_ptr<Communicator>(std::shared_ptr<Communicator> host, const std::string& name, Traffic traffic)>;

struct Communicators {
  // Collective over `world`, whose size must equal mesh.size(): otherwise throws Error (ExitCode::world, key mesh) that names both and a
  // mesh that fits. Without `device` the run's tensors are host tensors. `exchanging`: adjacent context ranks that exchange heads
  // (parallel/plan/context_blocks.hpp); must divide cp.
  Communicators(const Mesh& mesh, std::unique_ptr<Communicator> world, int kv_replicas = 1, const DeviceGroup& device = {},
                int exchanging = 1);

  void observe(CommunicationObserver* observer);  // groups of one rank move nothing and are not observed
  void poll();                                    // reports what streams have finished since
  void settle();                                  // waits until all that was left to streams is done and reported

  std::vector<Communicator*> device_groups() const;

  Mesh mesh;

  // Host tensors.
  std::unique_ptr<Communicator> world;
  std::unique_ptr<Communicator>
      control;  // a copy of world for the loop's agreement, checkpoints, evaluation: never shares a sequence with training
  std::shared_ptr<Communicator> host_tp;     // shards of one layer
  std::shared_ptr<Communicator> host_dp_cp;  // the loss is summed over these
  std::shared_ptr<Communicator> host_pp;     // stages of one model: loss and norm are summed over these too

  // Tensors on the run's device.
  std::shared_ptr<Communicator> tp;            // shards of one layer
  std::shared_ptr<Communicator> dp_cp;         // gradients are summed over these
  std::shared_ptr<Communicator> cp;            // parts of one sequence
  std::shared_ptr<Communicator> cp_ring;       // of cp, one rank of each group that exchanges heads; cp itself where no rank does
  std::shared_ptr<Communicator> cp_exchange;   // of cp, adjacent ranks that exchange heads; cp itself where all do
  std::shared_ptr<Communicator> pp;            // stages: what passes between them forward
  std::shared_ptr<Communicator> pp_gradients;  // and backward (parallel/pipeline_executor.hpp)
  std::shared_ptr<Communicator> embedding;     // the first and the last stage, which share a tied table; size 1 on the others
  std::shared_ptr<Communicator> kv_replicas;   // adjacent tensor ranks that hold the same key/value heads; size 1 when none do
};

}  // namespace ergon
