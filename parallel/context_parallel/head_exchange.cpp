// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/head_exchange.hpp"

#include <numeric>

namespace ergon {
namespace {

std::int64_t sum(const std::vector<std::int64_t>& counts) { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }

void each_piece(const Views& views, const at::Tensor& packed, const PieceSizes& sizes, const std::vector<std::int64_t>& heads,
                PieceOfRank visit) {
  std::int64_t offset = 0;
  for (std::size_t rank = 0; rank < heads.size(); ++rank) {
    const std::int64_t elements = sizes.batch * sizes.rows * heads[rank] * sizes.width;
    visit(static_cast<int>(rank), views.as(views.narrow(packed, 0, offset, elements), {sizes.batch, sizes.rows, heads[rank], sizes.width}));
    offset += elements;
  }
}

at::Tensor rows_of(const Views& views, const at::Tensor& whole, const PositionRun& run) {
  return views.every(whole, 1, run.start, run.length, run.stride);
}

}  // namespace

void exchange_pieces(Communicator& group, const PieceSizes& sizes, const std::vector<std::int64_t>& heads_sent, PieceOfRank pack,
                     const std::vector<std::int64_t>& heads_received, PieceOfRank unpack, TensorMemory& scratch) {
  const std::int64_t per_head = sizes.batch * sizes.rows * sizes.width;
  const auto elements = [&](std::vector<std::int64_t> heads) {
    for (std::int64_t& count : heads) count *= per_head;
    return heads;
  };
  const at::Tensor sent = scratch.take({sum(heads_sent) * per_head}, sizes.dtype),
                   received = scratch.take({sum(heads_received) * per_head}, sizes.dtype);
  each_piece(Views(scratch), sent, sizes, heads_sent, pack);
  group.all_to_all_v(received, elements(heads_received), sent, elements(heads_sent)).wait();
  each_piece(Views(scratch), received, sizes, heads_received, unpack);
}

void scatter_rows(const Views& views, const at::Tensor& whole, const PositionRuns& rows, const at::Tensor& piece) {
  std::int64_t row = 0;
  for (const PositionRun& run : rows) {
    rows_of(views, whole, run).copy_(views.narrow(piece, 1, row, run.length));
    row += run.length;
  }
}

void collect_rows(const Views& views, const at::Tensor& piece, const at::Tensor& whole, const PositionRuns& rows) {
  std::int64_t row = 0;
  for (const PositionRun& run : rows) {
    views.narrow(piece, 1, row, run.length).copy_(rows_of(views, whole, run));
    row += run.length;
  }
}

}  // namespace ergon
