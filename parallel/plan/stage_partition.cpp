// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/stage_partition.hpp"

#include "configs/error.hpp"

namespace ergon {

std::vector<StageChunk> partition_layers(std::int64_t layers, int pp, int virtual_stages, int stage) {
  ERGON_CHECK(pp >= 1 && virtual_stages >= 1 && stage >= 0 && stage < pp, "stage {} of {} x {}", stage, pp, virtual_stages);
  const std::int64_t chunks = std::int64_t{pp} * virtual_stages;
  if (layers < chunks)
    throw Error(fmt::format("{} layers cannot fill {} pipeline chunks (mesh.pp = {} x mesh.virtual_stages = {})", layers, chunks, pp,
                            virtual_stages),
                "mesh.pp", fmt::format("set mesh.pp x mesh.virtual_stages to at most model.layers = {}", layers));
  std::vector<StageChunk> result;
  for (std::int64_t chunk = stage; chunk < chunks; chunk += pp) {
    const std::int64_t first = chunk * layers / chunks;
    result.push_back({first, (chunk + 1) * layers / chunks - first, chunk == 0, chunk == chunks - 1});
  }
  return result;
}

}  // namespace ergon
