// SPDX-License-Identifier: Apache-2.0
// Which layers a pipeline stage holds. The model is cut into pp x v chunks (v virtual stages); chunk c lies on stage c mod pp, as its chunk
// number c / pp. The first chunk also has the embedding, the last one the final norm and the head.
//
// Example: L = 10, pp = 2, v = 2: chunks of 2, 3, 2, 3 layers; stage 0 has layers [0, 2) and [5, 7), stage 1 has [2, 5) and [7, 10).
#pragma once

#include <cstdint>
#include <vector>

namespace ergon {

struct StageChunk {
  std::int64_t first_layer = 0, num_layers = 0;
  bool embedding = false, head = false;
  bool operator==(const StageChunk&) const = default;
};

// The chunks of one stage, by chunk number; sizes differ by at most one layer. Throws Error (key mesh.pp) when there are fewer layers than
// chunks.
std::vector<StageChunk> partition_layers(std::int64_t layers, int pp, int virtual_stages, int stage);

}  // namespace ergon
