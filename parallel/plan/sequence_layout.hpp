// SPDX-License-Identifier: Apache-2.0
// Which global positions of a sequence a context rank owns, and in which order its rows hold them. Applied once, in the loader, to tokens,
// labels and positions; masks and rotary embeddings then follow global positions.
//
// Example: T = 8, cp = 2. contiguous: 0 1 2 3 | 4 5 6 7. zigzag (2 cp chunks, rank r has chunks r and 2 cp - 1 - r): 0 1 6 7 | 2 3 4 5.
// striped: 0 2 4 6 | 1 3 5 7. Under a causal mask the ranks then see 10 | 26, 18 | 18 and 16 | 20 pairs.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/plan/block_mask.hpp"

namespace ergon {

// What T must be a multiple of: 2 cp for zigzag (1 when cp is 1), else cp.
std::int64_t sequence_multiple(SequenceLayout layout, int cp);

// Runs in the order of the rank's rows. Throws Error (key model.sequence) when T does not divide.
std::vector<PositionRun> owned_positions(SequenceLayout layout, std::int64_t sequence, int cp, int cp_rank);

// permutation[row] is the global position of row `row` of the reordered sequence, rank after rank: reordered = original[permutation].
std::vector<std::int64_t> layout_permutation(SequenceLayout layout, std::int64_t sequence, int cp);

}  // namespace ergon
