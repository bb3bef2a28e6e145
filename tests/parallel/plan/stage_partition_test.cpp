// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/stage_partition.hpp"

#include <algorithm>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("stage_partition: the header's example") {
  CHECK(partition_layers(10, 2, 2, 0) == std::vector<StageChunk>{{0, 2, true, false}, {5, 2, false, false}});
  CHECK(partition_layers(10, 2, 2, 1) == std::vector<StageChunk>{{2, 3, false, false}, {7, 3, false, true}});
}

TEST_CASE("stage_partition: chunks follow each other through the model") {
  for (std::int64_t layers : {1, 7, 12, 80})
    for (int pp : {1, 2, 3, 4})
      for (int v : {1, 2, 3}) {
        if (layers < pp * v) continue;
        std::int64_t next = 0, smallest = layers, largest = 0;
        for (int chunk = 0; chunk < pp * v; ++chunk) {
          const StageChunk part = partition_layers(layers, pp, v, chunk % pp).at(static_cast<std::size_t>(chunk / pp));
          CHECK(part.first_layer == next);
          CHECK(part.embedding == (chunk == 0));
          CHECK(part.head == (chunk == pp * v - 1));
          next += part.num_layers;
          smallest = std::min(smallest, part.num_layers);
          largest = std::max(largest, part.num_layers);
        }
        CHECK(next == layers);
        CHECK(largest - smallest <= 1);
      }
}

TEST_CASE("stage_partition: too few layers") {
  try {
    partition_layers(3, 2, 2, 0);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "mesh.pp");
    CHECK(error.hint() == "set mesh.pp x mesh.virtual_stages to at most model.layers = 3");
  }
}

}  // namespace ergon
