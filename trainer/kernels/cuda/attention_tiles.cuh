// SPDX-License-Identifier: Apache-2.0
// What the attention kernels share: tiles of 64 queries x 32 keys in shared memory, and 128 threads that each hold 4 x 4 of its pairs.
//
// Thread t holds the rows 4 (t / 8) .. + 3 and the keys t % 8, + 8, + 16, + 24: the 8 threads of a row are neighbours in one warp. Tiles in
// shared memory have rows of W + 1 elements of A (W = the head width rounded up to a compiled width), so that neighbours hit different
// banks; rows and columns beyond the tensor are zeros.
#pragma once

#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/philox.cuh"

namespace ergon::cuda {

constexpr int query_tile = ERGON_ATTENTION_QUERY_TILE, key_tile = ERGON_ATTENTION_KEY_TILE;
constexpr int attention_threads = 128, row_lanes = 8, rows_each = 4, keys_each = 4;
constexpr int pair_stride = key_tile + 1;
static_assert(attention_threads / row_lanes * rows_each == query_tile && row_lanes * keys_each == key_tile);

template <class T>
struct Heads {
  T* data;
  std::int64_t sample, row, head;
  __device__ T* at(std::int64_t b, std::int64_t t, std::int64_t h) const { return data + b * sample + t * row + h * head; }
};
template <class T>
Heads<T> heads(const ErgonHeads* x) {
  return {static_cast<T*>(x->data), x->sample, x->row, x->head};
}
template <class T>
struct Rows {
  T* data;
  std::int64_t sample, head, row;
  __device__ T& at(std::int64_t b, std::int64_t h, std::int64_t t) const { return data[b * sample + h * head + t * row]; }
};
template <class T>
Rows<T> rows(const ErgonRows* x) {
  return {static_cast<T*>(x->data), x->sample, x->head, x->row};
}

// The dynamic shared memory of a block.
extern __shared__ double shared_words[];
template <class A>
__device__ inline A* shared_memory() {
  return reinterpret_cast<A*>(shared_words);
}

inline std::int64_t tiles_of(std::int64_t rows, int tile) { return (rows + tile - 1) / tile; }

// Rows [first, first + Tile) of one head into shared memory, zeros where there are none.
template <int Tile, int W, class A, class T>
__device__ inline void load_tile(A* target, const T* first_row, std::int64_t row_stride, int rows, int width) {
  for (int i = static_cast<int>(threadIdx.x); i < Tile * W; i += attention_threads) {
    const int row = i / W, column = i % W;
    target[row * (W + 1) + column] = row < rows && column < width ? static_cast<A>(widen(first_row[row * row_stride + column])) : A(0);
  }
}

// One tile of the grid [queries, keys] as a block sees it.
struct AttentionTile {
  std::int64_t q0, k0;
  int queries, keys;
  std::uint8_t kind;
};
__device__ inline AttentionTile attention_tile(const ErgonAttention& call, std::int64_t i, std::int64_t j) {
  const std::int64_t q0 = i * query_tile, k0 = j * key_tile, key_tiles = (call.sizes.keys + key_tile - 1) / key_tile;
  const std::int64_t queries = call.sizes.queries - q0, keys = call.sizes.keys - k0;
  return {q0, k0, static_cast<int>(queries < query_tile ? queries : query_tile), static_cast<int>(keys < key_tile ? keys : key_tile),
          call.plan.tiles[i * key_tiles + j]};
}

// Whether a query sees a key of this tile, both by their rows within it.
__device__ inline bool visible(const ErgonAttention& call, const AttentionTile& tile, int query, int key) {
  if (query >= tile.queries || key >= tile.keys) return false;
  if (tile.kind == ERGON_TILE_FULL) return true;
  const std::int64_t position = call.plan.key_positions[tile.k0 + key];
  return position >= call.plan.low[tile.q0 + query] && position <= call.plan.high[tile.q0 + query];
}

// The dropout factor of one pair, both inside the tile.
template <class A>
__device__ inline A pair_factor(const ErgonAttention& call, const AttentionTile& tile, std::int64_t b, std::int64_t h, int query, int key) {
  const ErgonAttentionDropout& d = call.dropout;
  if (d.plan.threshold == 0) return A(1);
  const std::int64_t row =
      ((d.first_sample + b) * d.num_heads + d.first_head + h) * d.sequence + call.plan.query_positions[tile.q0 + query];
  return dropout_factor<A>(d.plan, static_cast<std::uint64_t>(row * d.sequence + call.plan.key_positions[tile.k0 + key]));
}

// The dot products of this thread's 4 x 4 pairs: rows of `left` [query_tile], keys of `right` [key_tile].
template <int W, class A>
__device__ inline void pair_products(A (&product)[rows_each][keys_each], const A* left, const A* right, int width) {
  const int row0 = static_cast<int>(threadIdx.x) / row_lanes * rows_each, lane = static_cast<int>(threadIdx.x) % row_lanes;
  for (int r = 0; r < rows_each; ++r)
    for (int s = 0; s < keys_each; ++s) product[r][s] = 0;
  for (int d = 0; d < width; ++d) {
    A a[rows_each], b[keys_each];
    for (int r = 0; r < rows_each; ++r) a[r] = left[(row0 + r) * (W + 1) + d];
    for (int s = 0; s < keys_each; ++s) b[s] = right[(lane + s * row_lanes) * (W + 1) + d];
    for (int r = 0; r < rows_each; ++r)
      for (int s = 0; s < keys_each; ++s) product[r][s] += a[r] * b[s];
  }
}

// Runs body(Width<W>{}) for the smallest compiled width that holds `width`.
template <int W>
struct Width {
  static constexpr int value = W;
};
template <class Body>
int by_width(std::int64_t width, const Body& body) {
  if (width <= 64) return body(Width<64>{});
  if (width <= 128) return body(Width<128>{});
  if (width <= ERGON_ATTENTION_MAX_WIDTH) return body(Width<256>{});
  return bad_width;
}

}  // namespace ergon::cuda
