// SPDX-License-Identifier: Apache-2.0
// Attention backward after FlashAttention-2, scores recomputed, given the global log-sum-exp and delta. Two kernels, so that every gradient
// has one writer and one order and nothing is added by atomics: dq goes over the keys of a tile of queries, dk and dv over the queries of a
// tile of keys and over the query heads that share it. Seven products a pair instead of five.
#include "trainer/kernels/cuda/attention_tiles.cuh"
#include "trainer/kernels/cuda/entries.cuh"

namespace ergon::cuda {
namespace {

template <class C>
struct Backward {
  using A = Accumulator<C>;
  ErgonAttention call;
  ErgonHeads dout;  // C or A, by call.dout_dtype
  Heads<const C> q, k, v;
  Rows<const A> lse, delta;
  Heads<A> dq, dk, dv;
};

template <class C, int W>
__device__ void load_dout(Accumulator<C>* target, const Backward<C>& f, std::int64_t b, const AttentionTile& tile, std::int64_t h) {
  const int width = static_cast<int>(f.call.sizes.width);
  const std::int64_t offset = b * f.dout.sample + tile.q0 * f.dout.row + h * f.dout.head;
  if (f.call.dout_dtype == f.call.dtype)
    load_tile<query_tile, W>(target, static_cast<const C*>(f.dout.data) + offset, f.dout.row, tile.queries, width);
  else
    load_tile<query_tile, W>(target, static_cast<const Accumulator<C>*>(f.dout.data) + offset, f.dout.row, tile.queries, width);
}

// For this thread's 4 x 4 pairs of the tile: p, the probabilities with their dropout factor, and ds, the gradients of the unscaled scores.
template <int W, class C, class A = Accumulator<C>>
__device__ void pair_gradients(A (&p)[rows_each][keys_each], A (&ds)[rows_each][keys_each], const Backward<C>& f, const AttentionTile& tile,
                               std::int64_t b, std::int64_t h, const A* q, const A* dout, const A* k, const A* v) {
  const int width = static_cast<int>(f.call.sizes.width), row0 = static_cast<int>(threadIdx.x) / row_lanes * rows_each;
  const A scale = static_cast<A>(f.call.scale);
  pair_products<W>(p, q, k, width);
  pair_products<W>(ds, dout, v, width);
  for (int r = 0; r < rows_each; ++r)
    for (int s = 0; s < keys_each; ++s) {
      const int query = row0 + r, key = static_cast<int>(threadIdx.x) % row_lanes + s * row_lanes;
      if (!visible(f.call, tile, query, key)) {
        p[r][s] = ds[r][s] = 0;
        continue;
      }
      const A log_sum = f.lse.at(b, h, tile.q0 + query), shift = log_sum == negative_infinity<A>() ? A(0) : log_sum;
      const A probability = std::exp(p[r][s] * scale - shift), factor = pair_factor<A>(f.call, tile, b, h, query, key);
      ds[r][s] = scale * probability * (ds[r][s] * factor - f.delta.at(b, h, tile.q0 + query));
      p[r][s] = probability * factor;
    }
}

template <class A>
__device__ void store_pairs(A* shared, const A (&pairs)[rows_each][keys_each]) {
  const int row0 = static_cast<int>(threadIdx.x) / row_lanes * rows_each, lane = static_cast<int>(threadIdx.x) % row_lanes;
  for (int r = 0; r < rows_each; ++r)
    for (int s = 0; s < keys_each; ++s) shared[(row0 + r) * pair_stride + lane + s * row_lanes] = pairs[r][s];
}

// Shared memory of both kernels: tiles of q and dout, of k and v, and pairs.
template <class A, int W>
struct Tiles {
  A *q, *dout, *k, *v, *first_pairs, *second_pairs;
  __device__ Tiles() {
    q = shared_memory<A>();
    dout = q + query_tile * (W + 1);
    k = dout + query_tile * (W + 1);
    v = k + key_tile * (W + 1);
    first_pairs = v + key_tile * (W + 1);
    second_pairs = first_pairs + query_tile * pair_stride;
  }
};
template <class A, int W>
constexpr std::size_t tiles_bytes(int pairs) {
  return (2 * (query_tile + key_tile) * (W + 1) + pairs * query_tile * pair_stride) * sizeof(A);
}

template <class C, int W>
__global__ void __launch_bounds__(attention_threads) dq_kernel(Backward<C> f) {
  using A = Accumulator<C>;
  constexpr int columns = W / row_lanes;
  const Tiles<A, W> shared;
  const ErgonAttentionSizes& n = f.call.sizes;
  const std::int64_t query_tiles = (n.queries + query_tile - 1) / query_tile, key_tiles = (n.keys + key_tile - 1) / key_tile;
  const std::int64_t i = blockIdx.x % query_tiles, h = blockIdx.x / query_tiles % n.heads, b = blockIdx.x / query_tiles / n.heads,
                     g = h / (n.heads / n.kv_heads);
  const int width = static_cast<int>(n.width), row0 = static_cast<int>(threadIdx.x) / row_lanes * rows_each,
            lane = static_cast<int>(threadIdx.x) % row_lanes;
  A dq[rows_each][columns];
  for (int r = 0; r < rows_each; ++r)
    for (int c = 0; c < columns; ++c) dq[r][c] = 0;
  const std::int64_t q0 = i * query_tile;
  const int queries = static_cast<int>(n.queries - q0 < query_tile ? n.queries - q0 : query_tile);
  load_tile<query_tile, W>(shared.q, f.q.at(b, q0, h), f.q.row, queries, width);
  load_dout<C, W>(shared.dout, f, b, {q0, 0, queries, 0, 0}, h);
  for (std::int64_t j = 0; j < key_tiles; ++j) {
    const AttentionTile tile = attention_tile(f.call, i, j);
    if (tile.kind == ERGON_TILE_EMPTY) continue;
    load_tile<key_tile, W>(shared.k, f.k.at(b, tile.k0, g), f.k.row, tile.keys, width);
    load_tile<key_tile, W>(shared.v, f.v.at(b, tile.k0, g), f.v.row, tile.keys, width);
    __syncthreads();
    A p[rows_each][keys_each], ds[rows_each][keys_each];
    pair_gradients<W>(p, ds, f, tile, b, h, shared.q, shared.dout, shared.k, shared.v);
    store_pairs(shared.first_pairs, ds);
    __syncthreads();
    for (int s = 0; s < tile.keys; ++s)
      for (int r = 0; r < rows_each; ++r)
        for (int c = 0; c < columns; ++c)
          dq[r][c] += shared.first_pairs[(row0 + r) * pair_stride + s] * shared.k[s * (W + 1) + lane + c * row_lanes];
    __syncthreads();
  }
  for (int r = 0; r < rows_each && row0 + r < queries; ++r)
    for (int c = 0; c < columns; ++c)
      if (lane + c * row_lanes < width) f.dq.at(b, q0 + row0 + r, h)[lane + c * row_lanes] = dq[r][c];
}

template <class C, int W>
__global__ void __launch_bounds__(attention_threads) dkv_kernel(Backward<C> f) {
  using A = Accumulator<C>;
  constexpr int columns = W / row_lanes, keys = key_tile * row_lanes / attention_threads;  // of dk and dv, by thread
  const Tiles<A, W> shared;
  const ErgonAttentionSizes& n = f.call.sizes;
  const std::int64_t query_tiles = (n.queries + query_tile - 1) / query_tile, key_tiles = (n.keys + key_tile - 1) / key_tile,
                     group = n.heads / n.kv_heads;
  const std::int64_t j = blockIdx.x % key_tiles, g = blockIdx.x / key_tiles % n.kv_heads, b = blockIdx.x / key_tiles / n.kv_heads,
                     k0 = j * key_tile;
  const int width = static_cast<int>(n.width), key0 = static_cast<int>(threadIdx.x) / row_lanes * keys,
            lane = static_cast<int>(threadIdx.x) % row_lanes;
  A dk[keys][columns], dv[keys][columns];
  for (int s = 0; s < keys; ++s)
    for (int c = 0; c < columns; ++c) dk[s][c] = dv[s][c] = 0;
  const int keys_here = static_cast<int>(n.keys - k0 < key_tile ? n.keys - k0 : key_tile);
  load_tile<key_tile, W>(shared.k, f.k.at(b, k0, g), f.k.row, keys_here, width);
  load_tile<key_tile, W>(shared.v, f.v.at(b, k0, g), f.v.row, keys_here, width);
  std::int64_t computed = 0;
  for (std::int64_t h = g * group; h < (g + 1) * group; ++h)
    for (std::int64_t i = 0; i < query_tiles; ++i) {
      const AttentionTile tile = attention_tile(f.call, i, j);
      if (tile.kind == ERGON_TILE_EMPTY) continue;
      computed += tile.queries * tile.keys;
      load_tile<query_tile, W>(shared.q, f.q.at(b, tile.q0, h), f.q.row, tile.queries, width);
      load_dout<C, W>(shared.dout, f, b, tile, h);
      __syncthreads();
      A p[rows_each][keys_each], ds[rows_each][keys_each];
      pair_gradients<W>(p, ds, f, tile, b, h, shared.q, shared.dout, shared.k, shared.v);
      store_pairs(shared.first_pairs, p);
      store_pairs(shared.second_pairs, ds);
      __syncthreads();
      for (int r = 0; r < tile.queries; ++r)
        for (int s = 0; s < keys; ++s)
          for (int c = 0; c < columns; ++c) {
            const int pair = r * pair_stride + key0 + s, at = r * (W + 1) + lane + c * row_lanes;
            dv[s][c] += shared.first_pairs[pair] * shared.dout[at];
            dk[s][c] += shared.second_pairs[pair] * shared.q[at];
          }
      __syncthreads();
    }
  for (int s = 0; s < keys && key0 + s < keys_here; ++s)
    for (int c = 0; c < columns; ++c)
      if (lane + c * row_lanes < width) {
        f.dk.at(b, k0 + key0 + s, g)[lane + c * row_lanes] = dk[s][c];
        f.dv.at(b, k0 + key0 + s, g)[lane + c * row_lanes] = dv[s][c];
      }
  if (f.call.visited && threadIdx.x == 0) f.call.visited[blockIdx.x] = computed;
}

int attention_backward(const ErgonAttention* call, const ErgonHeads* dout, const ErgonHeads* q, const ErgonHeads* k, const ErgonHeads* v,
                       const ErgonRows* lse, const ErgonRows* delta, const ErgonHeads* dq, const ErgonHeads* dk, const ErgonHeads* dv,
                       void* stream) {
  return by_dtype(call->dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    if (call->dout_dtype != call->dtype && !(call->dtype == ERGON_BFLOAT16 && call->dout_dtype == ERGON_FLOAT32))
      return static_cast<int>(bad_dtype);
    return by_width(call->sizes.width, [&](auto width) {
      constexpr int w = decltype(width)::value;
      const ErgonAttentionSizes& n = call->sizes;
      const Backward<C> f{
          *call,        *dout,        heads<const C>(q), heads<const C>(k), heads<const C>(v), rows<const A>(lse), rows<const A>(delta),
          heads<A>(dq), heads<A>(dk), heads<A>(dv)};
      ERGON_STEP(
          launch(dq_kernel<C, w>, n.batch * n.heads * tiles_of(n.queries, query_tile), attention_threads, tiles_bytes<A, w>(1), stream, f));
      return launch(dkv_kernel<C, w>, n.batch * n.kv_heads * tiles_of(n.keys, key_tile), attention_threads, tiles_bytes<A, w>(2), stream,
                    f);
    });
  });
}

__device__ double value_at(const void* x, ErgonDtype dtype, std::int64_t i) {
  if (dtype == ERGON_FLOAT64) return static_cast<const double*>(x)[i];
  if (dtype == ERGON_FLOAT32) return static_cast<double>(static_cast<const float*>(x)[i]);
  return static_cast<double>(widen(static_cast<const bfloat16*>(x)[i]));
}

// delta[b, h, t] = sum of dout out over the head width, in its order, in fp64.
template <class A>
struct Delta {
  A* delta;
  const void *dout, *out;
  ErgonDtype dout_dtype, out_dtype;
  std::int64_t length, heads, width;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t t = i % length, h = i / length % heads, b = i / length / heads, row = ((b * length + t) * heads + h) * width;
    double sum = 0.0;
    for (std::int64_t d = 0; d < width; ++d) sum += value_at(dout, dout_dtype, row + d) * value_at(out, out_dtype, row + d);
    delta[i] = static_cast<A>(sum);
  }
};

int attention_delta(void* delta, const void* dout, ErgonDtype dout_dtype, const void* out, ErgonDtype out_dtype, std::int64_t batch,
                    std::int64_t length, std::int64_t heads, std::int64_t width, ErgonDtype dtype, void* stream) {
  if (dout_dtype > ERGON_BFLOAT16 || out_dtype > ERGON_BFLOAT16) return bad_dtype;
  return by_dtype(dtype, [&](auto tag) {
    using A = Accumulator<typename decltype(tag)::Type>;
    return for_each(batch * heads * length, stream,
                    Delta<A>{static_cast<A*>(delta), dout, out, dout_dtype, out_dtype, length, heads, width});
  });
}

}  // namespace

void add_attention_backward(ErgonKernelTable& table) {
  table.attention_backward = attention_backward;
  table.attention_delta = attention_delta;
}

}  // namespace ergon::cuda
