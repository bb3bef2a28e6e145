// SPDX-License-Identifier: Apache-2.0
// Validation loss: the same batches every time, no dropout, nothing saved.
#pragma once

#include <cstdint>
#include <optional>

#include "configs/quantities.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/replica.hpp"

namespace ergon {

struct EvaluationResult {
  double loss = 0;                 // sum of losses / valid tokens, over all batches and ranks
  std::int64_t sequences = 0;      // computed over all ranks, padding samples included
  std::optional<PairCount> pairs;  // of a head, over them; where documents are kept apart
  Tokens valid_tokens = {};
  Seconds seconds = {};
};

// Collective over the mesh.
EvaluationResult evaluate(Replica& replica, EvaluationLoader& loader);

}  // namespace ergon
