// SPDX-License-Identifier: Apache-2.0
// The messages of a head exchange: for each rank of a group a piece [B, T, heads, Q], packed one behind the other, sent at once, and laid
// where they belong.
//
// Dims as in strategy.hpp; S: the rows of the whole group.
#pragma once

#include <c10/util/FunctionRef.h>

#include "parallel/communicator.hpp"
#include "parallel/context_parallel/views.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/tensor_memory.hpp"

namespace ergon {

// Fills, or takes up, the piece for or from a rank of the group.
using PieceOfRank = c10::function_ref<void(int rank, const at::Tensor& piece_BThQ)>;

// Shape of the pieces: `heads[r]` heads to or from rank r.
struct PieceSizes {
  std::int64_t batch, rows, width;
  at::ScalarType dtype;
};
// Packs with `pack`, exchanges, hands what came to `unpack`; memory is taken from `scratch`. Waits.
void exchange_pieces(Communicator& group, const PieceSizes& sizes, const std::vector<std::int64_t>& heads_sent, PieceOfRank pack,
                     const std::vector<std::int64_t>& heads_received, PieceOfRank unpack, TensorMemory& scratch);

// piece [B, T, ...] into, or out of, the rows of one rank within whole [B, S, ...].
void scatter_rows(const Views& views, const at::Tensor& whole, const PositionRuns& rows, const at::Tensor& piece);
void collect_rows(const Views& views, const at::Tensor& piece, const at::Tensor& whole, const PositionRuns& rows);

}  // namespace ergon
