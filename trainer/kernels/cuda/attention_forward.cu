// SPDX-License-Identifier: Apache-2.0
// Attention forward after FlashAttention-2 (Dao 2023): trainer/attention/tiled.cpp in tiles of a block. A block has one tile of queries of
// one head and goes over the tiles of keys; softmax is kept online, tiles without a visible pair are skipped.
#include "trainer/kernels/cuda/attention_tiles.cuh"
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/reduce.cuh"

namespace ergon::cuda {
namespace {

template <class C>
struct Forward {
  using A = Accumulator<C>;
  ErgonAttention call;
  Heads<const C> q, k, v;
  Heads<A> out;
  Rows<A> lse;
};

// One row of this thread: its four scores become exponentials; maximum, sum (of this thread's keys) and output so far are brought to the
// new maximum.
template <int Columns, class A>
__device__ void online_softmax(A (&score)[keys_each], A& most, A& sum, A (&out)[Columns]) {
  const A before = most;
  for (int s = 0; s < keys_each; ++s) most = Larger()(most, score[s]);
  most = join_lanes<Larger>(most, row_lanes);
  const A shift = most == negative_infinity<A>() ? A(0) : most, shrink = before == negative_infinity<A>() ? A(0) : std::exp(before - most);
  sum *= shrink;
  for (int s = 0; s < keys_each; ++s) {
    score[s] = std::exp(score[s] - shift);
    sum += score[s];
  }
  if (before == negative_infinity<A>()) return;  // no key so far: nothing to shrink
  for (int c = 0; c < Columns; ++c) out[c] *= shrink;
}

template <class C, int W>
__global__ void __launch_bounds__(attention_threads) forward_kernel(Forward<C> f) {
  using A = Accumulator<C>;
  constexpr int columns = W / row_lanes;
  A* q = shared_memory<A>();         // [query_tile, W + 1]
  A* kv = q + query_tile * (W + 1);  // [key_tile, W + 1]: keys, then values
  A* p = kv + key_tile * (W + 1);    // [query_tile, pair_stride]
  const ErgonAttentionSizes& n = f.call.sizes;
  const std::int64_t query_tiles = (n.queries + query_tile - 1) / query_tile, key_tiles = (n.keys + key_tile - 1) / key_tile;
  const std::int64_t i = blockIdx.x % query_tiles, h = blockIdx.x / query_tiles % n.heads, b = blockIdx.x / query_tiles / n.heads;
  const std::int64_t g = h / (n.heads / n.kv_heads), q0 = i * query_tile;
  const int width = static_cast<int>(n.width), row0 = static_cast<int>(threadIdx.x) / row_lanes * rows_each,
            lane = static_cast<int>(threadIdx.x) % row_lanes;
  const A scale = static_cast<A>(f.call.scale);
  A most[rows_each], sum[rows_each], out[rows_each][columns];
  for (int r = 0; r < rows_each; ++r) {
    most[r] = negative_infinity<A>();
    sum[r] = 0;
    for (int c = 0; c < columns; ++c) out[r][c] = 0;
  }
  const int queries = static_cast<int>(n.queries - q0 < query_tile ? n.queries - q0 : query_tile);
  load_tile<query_tile, W>(q, f.q.at(b, q0, h), f.q.row, queries, width);
  std::int64_t computed = 0;
  for (std::int64_t j = 0; j < key_tiles; ++j) {
    const AttentionTile tile = attention_tile(f.call, i, j);
    if (tile.kind == ERGON_TILE_EMPTY) continue;
    computed += tile.queries * tile.keys;
    load_tile<key_tile, W>(kv, f.k.at(b, tile.k0, g), f.k.row, tile.keys, width);
    __syncthreads();
    A score[rows_each][keys_each];
    pair_products<W>(score, q, kv, width);
    for (int r = 0; r < rows_each; ++r) {
      for (int s = 0; s < keys_each; ++s)
        score[r][s] = visible(f.call, tile, row0 + r, lane + s * row_lanes) ? score[r][s] * scale : negative_infinity<A>();
      online_softmax(score[r], most[r], sum[r], out[r]);
      for (int s = 0; s < keys_each; ++s) {
        const int key = lane + s * row_lanes;
        const bool inside = row0 + r < tile.queries && key < tile.keys;
        p[(row0 + r) * pair_stride + key] = inside ? score[r][s] * pair_factor<A>(f.call, tile, b, h, row0 + r, key) : A(0);
      }
    }
    __syncthreads();
    load_tile<key_tile, W>(kv, f.v.at(b, tile.k0, g), f.v.row, tile.keys, width);
    __syncthreads();
    for (int s = 0; s < tile.keys; ++s)
      for (int r = 0; r < rows_each; ++r)
        for (int c = 0; c < columns; ++c) out[r][c] += p[(row0 + r) * pair_stride + s] * kv[s * (W + 1) + lane + c * row_lanes];
    __syncthreads();
  }
  for (int r = 0; r < rows_each; ++r) {
    const A total = join_lanes<Plus>(sum[r], row_lanes);
    if (row0 + r >= queries) continue;
    const bool seen = total > A(0) || total != total;  // not-a-number must come out
    A* row = f.out.at(b, q0 + row0 + r, h);
    for (int c = 0; c < columns; ++c)
      if (lane + c * row_lanes < width) row[lane + c * row_lanes] = seen ? out[r][c] / total : A(0);
    if (lane == 0) f.lse.at(b, h, q0 + row0 + r) = seen ? most[r] + std::log(total) : negative_infinity<A>();
  }
  if (f.call.visited && threadIdx.x == 0) f.call.visited[blockIdx.x] = computed;
}

int attention_forward(const ErgonAttention* call, const ErgonHeads* q, const ErgonHeads* k, const ErgonHeads* v, const ErgonHeads* out,
                      const ErgonRows* lse, void* stream) {
  return by_dtype(call->dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    return by_width(call->sizes.width, [&](auto width) {
      constexpr int w = decltype(width)::value;
      const std::size_t shared = ((query_tile + key_tile) * (w + 1) + query_tile * pair_stride) * sizeof(A);
      const Forward<C> forward{*call, heads<const C>(q), heads<const C>(k), heads<const C>(v), heads<A>(out), rows<A>(lse)};
      return launch(forward_kernel<C, w>, call->sizes.batch * call->sizes.heads * tiles_of(call->sizes.queries, query_tile),
                    attention_threads, shared, stream, forward);
    });
  });
}

}  // namespace

void add_attention_forward(ErgonKernelTable& table) { table.attention_forward = attention_forward; }

}  // namespace ergon::cuda
