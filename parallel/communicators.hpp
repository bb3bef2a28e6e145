// SPDX-License-Identifier: Apache-2.0
// The groups of a mesh as communicators: each axis set becomes the (color, key) that the mesh computes, the same pair for every backend.
#pragma once

#include <memory>

#include "parallel/communicator.hpp"
#include "parallel/plan/mesh.hpp"

namespace ergon {

struct Communicators {
  // Collective over `world`, whose size must equal mesh.size(): otherwise throws Error (ExitCode::world, key mesh) that names both and a
  // mesh that fits.
  Communicators(const Mesh& mesh, std::unique_ptr<Communicator> world, int kv_replicas = 1);

  void observe(CommunicationObserver* observer);

  Mesh mesh;
  std::unique_ptr<Communicator> world;
  std::unique_ptr<Communicator> tp;           // shards of one layer
  std::unique_ptr<Communicator> dp;           // replicas
  std::unique_ptr<Communicator> dp_cp;        // gradients and the loss are summed over these
  std::unique_ptr<Communicator> kv_replicas;  // adjacent tensor ranks that hold the same key/value heads; size 1 when none do
  std::unique_ptr<Communicator>
      control;  // a copy of world for the loop's agreement, checkpoints, evaluation: never shares a sequence with training
};

}  // namespace ergon
