// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/tiled.hpp"

#include <ATen/ops/empty.h>

#include <atomic>
#include <cmath>
#include <limits>

#include "trainer/attention/views.hpp"
#include "trainer/kernels/blas.hpp"
#include "trainer/kernels/dropout.hpp"
#include "trainer/kernels/dropout_mask.hpp"
#include "trainer/kernels/exponential.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

template <class T>
constexpr T lowest = -std::numeric_limits<T>::infinity();

// The rows of one tile against the keys of one tile.
struct Tile {
  std::int64_t q0, queries, k0, keys;
  BlockKind kind;
};

Tile tile_at(const BlockPlan& plan, std::int64_t i, std::int64_t j) {
  const std::int64_t q0 = i * plan.query_tile, k0 = j * plan.key_tile;
  return {q0, std::min(plan.query_tile, plan.num_queries() - q0), k0, std::min(plan.key_tile, plan.num_keys() - k0), plan.tile(i, j).kind};
}

// Hidden scores of one row become -infinity.
template <class T>
void hide(T* score, const BlockPlan& plan, const Tile& tile, std::int64_t row) {
  const std::int64_t low = plan.low[static_cast<std::size_t>(tile.q0 + row)], high = plan.high[static_cast<std::size_t>(tile.q0 + row)];
  const std::int64_t* positions = plan.key_positions.data() + tile.k0;
#pragma omp simd
  for (std::int64_t s = 0; s < tile.keys; ++s) score[s] = positions[s] >= low && positions[s] <= high ? score[s] : lowest<T>;
}

template <class T>
T maximum(const T* x, std::int64_t n, T most) {
#pragma omp simd reduction(max : most)
  for (std::int64_t s = 0; s < n; ++s) most = x[s] > most ? x[s] : most;
  return most;
}

// x = exp(x - shift), and the sum; a shift of -infinity (nothing visible) gives zeros.
template <class T>
T exponentials(T* x, T shift, std::int64_t n) {
  const T finite = shift == lowest<T> ? T(0) : shift;
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t s = 0; s < n; ++s) {
    x[s] = vector_exp(x[s] - finite);
    sum += x[s];
  }
  return sum;
}

template <class T>
void multiply(T* x, T factor, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

// Dropout of a call, as the tiles see it.
struct Drops {
  bool any = false;
  DropoutPlan plan;
  std::int64_t first_row = 0, num_heads = 0, sequence = 0, first_head = 0;

  explicit Drops(const AttentionDropout& d)
      : any(d.p > 0.0), first_row(d.first_sample), num_heads(d.num_heads), sequence(d.sequence), first_head(d.first_head) {
    if (any) plan = dropout_plan(d.p, d.seed, Stream::attention_dropout, d.step, d.layer, static_cast<unsigned>(DropoutSite::attention));
  }
  template <class T>
  void factors(T* out, std::int64_t b, std::int64_t h, std::int64_t query, const std::int64_t* keys, std::int64_t n) const {
    const std::int64_t row = (((first_row + b) * num_heads + first_head + h) * sequence + query) * sequence;
    dropout_factors(plan, static_cast<std::uint64_t>(row), keys, n, out);
  }
};

int stride(std::int64_t value) { return static_cast<int>(value); }

template <class T>
struct Forward {
  const BlockPlan& plan;
  AttentionSizes n;
  HeadView<T> q, k, v, out;
  RowView<T> lse;
  Drops drops;
  T scale;

  // One query tile of one head; returns the pairs it computed. Scratch: scores [query_tile, key_tile], output, maximum and sum by row,
  // factors of a row.
  std::int64_t operator()(std::int64_t b, std::int64_t h, std::int64_t i, T* scratch) const {
    T *score = scratch, *acc = score + plan.query_tile * plan.key_tile, *most = acc + plan.query_tile * n.width,
      *sum = most + plan.query_tile, *factors = sum + plan.query_tile;
    const std::int64_t g = h / n.group(), q0 = i * plan.query_tile, queries = std::min(plan.query_tile, n.queries - q0);
    std::fill_n(most, queries, lowest<T>);
    std::fill_n(sum, queries, T(0));
    std::int64_t computed = 0;
    for (std::int64_t j = 0; j < plan.key_tiles; ++j) {
      const Tile tile = tile_at(plan, i, j);
      if (tile.kind == BlockKind::empty) continue;
      const int rows = static_cast<int>(tile.queries), columns = static_cast<int>(tile.keys), width = static_cast<int>(n.width);
      blas_gemm('n', 't', rows, columns, width, scale, q.at(b, tile.q0, h), stride(q.row), k.at(b, tile.k0, g), stride(k.row), T(0), score,
                columns);
      for (std::int64_t r = 0; r < tile.queries; ++r)
        softmax_row(score + r * tile.keys, acc + r * n.width, most[r], sum[r], factors, tile, b, h, r);
      blas_gemm('n', 'n', rows, width, columns, T(1), score, columns, v.at(b, tile.k0, g), stride(v.row), computed == 0 ? T(0) : T(1), acc,
                width);
      computed += tile.queries * tile.keys;
    }
    for (std::int64_t r = 0; r < queries; ++r) {
      T* row = out.at(b, q0 + r, h);
      const bool seen = sum[r] > T(0) || sum[r] != sum[r];  // not-a-number must come out
      const T inverse = seen ? T(1) / sum[r] : T(0);
      for (std::int64_t d = 0; d < n.width; ++d) row[d] = seen ? acc[r * n.width + d] * inverse : T(0);
      lse.at(b, h, q0 + r) = seen ? most[r] + std::log(sum[r]) : lowest<T>;
    }
    return computed;
  }

  void softmax_row(T* score, T* acc, T& most, T& sum, T* factors, const Tile& tile, std::int64_t b, std::int64_t h, std::int64_t r) const {
    if (tile.kind == BlockKind::partial) hide(score, plan, tile, r);
    const T before = most;
    most = maximum(score, tile.keys, before);
    const T here = exponentials(score, most, tile.keys);
    const T shrink = before == lowest<T> ? T(0) : vector_exp(before - most);
    sum = sum * shrink + here;
    if (before != lowest<T> && shrink != T(1)) multiply(acc, shrink, n.width);  // without a key so far there is nothing to shrink
    if (drops.any) {
      drops.factors(factors, b, h, plan.query_positions[static_cast<std::size_t>(tile.q0 + r)], plan.key_positions.data() + tile.k0,
                    tile.keys);
      for (std::int64_t s = 0; s < tile.keys; ++s) score[s] *= factors[s];
    }
  }
};

template <class T>
struct Backward {
  const BlockPlan& plan;
  AttentionSizes n;
  HeadView<T> dout, q, k, v, dq, dk, dv;
  RowView<T> lse, delta;
  Drops drops;
  T scale;

  // One key head of one sample with the query heads that share it; returns the pairs it computed. The only writer of these dk, dv and dq.
  std::int64_t operator()(std::int64_t b, std::int64_t g, T* scratch) const {
    std::int64_t computed = 0;
    for (std::int64_t h = g * n.group(); h < (g + 1) * n.group(); ++h)
      for (std::int64_t t = 0; t < n.queries; ++t) std::fill_n(dq.at(b, t, h), n.width, T(0));
    for (std::int64_t j = 0; j < plan.key_tiles; ++j) {
      for (std::int64_t s = j * plan.key_tile; s < std::min(n.keys, (j + 1) * plan.key_tile); ++s) {
        std::fill_n(dk.at(b, s, g), n.width, T(0));
        std::fill_n(dv.at(b, s, g), n.width, T(0));
      }
      for (std::int64_t h = g * n.group(); h < (g + 1) * n.group(); ++h)
        for (std::int64_t i = 0; i < plan.query_tiles; ++i) computed += tile_gradients(tile_at(plan, i, j), b, h, g, scratch);
    }
    return computed;
  }

  std::int64_t tile_gradients(const Tile& tile, std::int64_t b, std::int64_t h, std::int64_t g, T* scratch) const {
    if (tile.kind == BlockKind::empty) return 0;
    T *p = scratch, *ds = p + plan.query_tile * plan.key_tile, *factors = ds + plan.query_tile * plan.key_tile;
    const int rows = static_cast<int>(tile.queries), columns = static_cast<int>(tile.keys), width = static_cast<int>(n.width);
    const T *q_tile = q.at(b, tile.q0, h), *dout_tile = dout.at(b, tile.q0, h), *k_tile = k.at(b, tile.k0, g),
            *v_tile = v.at(b, tile.k0, g);
    blas_gemm('n', 't', rows, columns, width, scale, q_tile, stride(q.row), k_tile, stride(k.row), T(0), p, columns);
    blas_gemm('n', 't', rows, columns, width, T(1), dout_tile, stride(dout.row), v_tile, stride(v.row), T(0), ds, columns);
    for (std::int64_t r = 0; r < tile.queries; ++r) row_gradients(p + r * tile.keys, ds + r * tile.keys, factors, tile, b, h, r);
    blas_gemm('t', 'n', columns, width, rows, T(1), p, columns, dout_tile, stride(dout.row), T(1), dv.at(b, tile.k0, g), stride(dv.row));
    blas_gemm('t', 'n', columns, width, rows, T(1), ds, columns, q_tile, stride(q.row), T(1), dk.at(b, tile.k0, g), stride(dk.row));
    blas_gemm('n', 'n', rows, width, columns, T(1), ds, columns, k_tile, stride(k.row), T(1), dq.at(b, tile.q0, h), stride(dq.row));
    return tile.queries * tile.keys;
  }

  // p: scores in, dropped probabilities out; ds: gradients of the dropped probabilities in, of the unscaled scores out.
  void row_gradients(T* p, T* ds, T* factors, const Tile& tile, std::int64_t b, std::int64_t h, std::int64_t r) const {
    const T log_sum = lse.at(b, h, tile.q0 + r), shift = log_sum == lowest<T> ? T(0) : log_sum, d = delta.at(b, h, tile.q0 + r);
    if (tile.kind == BlockKind::partial) hide(p, plan, tile, r);
    if (!drops.any) {
#pragma omp simd
      for (std::int64_t s = 0; s < tile.keys; ++s) {
        p[s] = vector_exp(p[s] - shift);
        ds[s] = scale * p[s] * (ds[s] - d);
      }
      return;
    }
    drops.factors(factors, b, h, plan.query_positions[static_cast<std::size_t>(tile.q0 + r)], plan.key_positions.data() + tile.k0,
                  tile.keys);
#pragma omp simd
    for (std::int64_t s = 0; s < tile.keys; ++s) {
      p[s] = vector_exp(p[s] - shift);
      ds[s] = scale * p[s] * (ds[s] * factors[s] - d);
      p[s] *= factors[s];
    }
  }
};

// Pairs that the mask shows, by the tiles that are visited.
std::int64_t visible_pairs(const BlockPlan& plan) {
  std::int64_t pairs = 0;
  for (const BlockPlan::Tile& tile : plan.tiles) pairs += tile.visible;
  return pairs;
}

}  // namespace

AttentionTiles TiledAttention::tiles() const {
  AttentionTiles tiles;
  tiles.queries = query_tile_;
  tiles.keys = key_tile_;
  return tiles;
}

// Runs task(i, scratch) for i in [0, tasks) over the threads, each with its own `elements` of scratch; returns the sum of what they return.
template <class T, class Task>
std::int64_t TiledAttention::share(std::int64_t tasks, std::int64_t elements, const Task& task) const {
  const auto bytes = elements * static_cast<std::int64_t>(sizeof(T)), threads = static_cast<std::int64_t>(at::get_num_threads());
  if (static_cast<std::int64_t>(scratch_.size()) < threads) scratch_.resize(static_cast<std::size_t>(threads));
  for (at::Tensor& buffer : scratch_)
    if (!buffer.defined() || buffer.numel() < bytes) buffer = at::empty({bytes}, at::kByte);
  std::atomic<std::int64_t> computed = 0;
  at::parallel_for(0, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    T* scratch = reinterpret_cast<T*>(scratch_[static_cast<std::size_t>(at::get_thread_num())].data_ptr());
    vectorised([&] {
      std::int64_t pairs = 0;
      for (std::int64_t i = begin; i < end; ++i) pairs += task(i, scratch);
      computed += pairs;
    });
  });
  return computed;
}

AttentionWork TiledAttention::forward(const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const BlockMask& mask,
                                      const AttentionDropout& dropout, double scale, AttentionOutput& result) const {
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const BlockPlan& plan = plans_.get(mask);
  std::int64_t computed = 0;
  dispatch(q_BTHQ, [&](auto zero) {
    using T = decltype(zero);
    const Forward<T> forward{plan,
                             n,
                             head_view<T>(q_BTHQ, n.batch, n.queries, n.heads, n.width),
                             head_view<T>(k_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
                             head_view<T>(v_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
                             head_view<T>(result.out_BTHQ, n.batch, n.queries, n.heads, n.width),
                             row_view<T>(result.lse_BHT, n),
                             Drops(dropout),
                             static_cast<T>(scale)};
    const std::int64_t elements = plan.query_tile * (plan.key_tile + n.width + 2) + plan.key_tile, tiles = plan.query_tiles;
    computed = share<T>(n.batch * n.heads * tiles, elements,
                        [&](std::int64_t i, T* scratch) { return forward(i / tiles / n.heads, i / tiles % n.heads, i % tiles, scratch); });
  });
  return {visible_pairs(plan) * n.batch * n.heads, computed, tiles().forward_matmuls, false};
}

AttentionWork TiledAttention::backward(const at::Tensor& dout_BTHQ, const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ,
                                       const at::Tensor& v_BSKQ, const at::Tensor& /*out_BTHQ: delta holds what is needed of it*/,
                                       const at::Tensor& lse_BHT, const at::Tensor& delta_BHT, const BlockMask& mask,
                                       const AttentionDropout& dropout, double scale, AttentionGradients& result) const {
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const BlockPlan& plan = plans_.get(mask);
  std::int64_t computed = 0;
  dispatch(q_BTHQ, [&](auto zero) {
    using T = decltype(zero);
    const Backward<T> backward{plan,
                               n,
                               head_view<T>(dout_BTHQ, n.batch, n.queries, n.heads, n.width),
                               head_view<T>(q_BTHQ, n.batch, n.queries, n.heads, n.width),
                               head_view<T>(k_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
                               head_view<T>(v_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
                               head_view<T>(result.dq_BTHQ, n.batch, n.queries, n.heads, n.width),
                               head_view<T>(result.dk_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
                               head_view<T>(result.dv_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
                               row_view<T>(lse_BHT, n),
                               row_view<T>(delta_BHT, n),
                               Drops(dropout),
                               static_cast<T>(scale)};
    computed = share<T>(n.batch * n.kv_heads, 2 * plan.query_tile * plan.key_tile + plan.key_tile,
                        [&](std::int64_t i, T* scratch) { return backward(i / n.kv_heads, i % n.kv_heads, scratch); });
  });
  return {visible_pairs(plan) * n.batch * n.heads, computed, tiles().backward_matmuls, false};
}

}  // namespace ergon
