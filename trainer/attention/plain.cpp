// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/plain.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "trainer/attention/views.hpp"
#include "trainer/kernels/dropout.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

template <class C, class A = Accumulator<C>>
A dot(const C* a, const C* b, std::int64_t n) {
  A sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += widen(a[i]) * widen(b[i]);
  return sum;
}

template <class C, class A = Accumulator<C>>
void add_scaled(A* y, A factor, const C* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += factor * widen(x[i]);
}

// Dropout factors by rows of the block.
class Factors {
 public:
  Factors(const AttentionDropout& dropout, const BlockMask& mask) : dropout_(dropout) {
    for (const PositionRun& run : mask.queries)
      for (std::int64_t i = 0; i < run.length; ++i) queries_.push_back(run.start + i * run.stride);
    for (const PositionRun& run : mask.keys)
      for (std::int64_t i = 0; i < run.length; ++i) keys_.push_back(run.start + i * run.stride);
  }
  double at(std::int64_t b, std::int64_t h, std::int64_t t, std::int64_t s) const {
    return attention_dropout_factor(dropout_, dropout_.first_sample + b, dropout_.first_head + h, queries_[static_cast<std::size_t>(t)],
                                    keys_[static_cast<std::size_t>(s)]);
  }

 private:
  const AttentionDropout& dropout_;
  std::vector<std::int64_t> queries_, keys_;
};

AttentionWork work(const BlockMask& mask, const AttentionSizes& n, std::int64_t computed, int matmuls) {
  return {mask.visible_pairs() * n.batch * n.heads, computed, matmuls, false};
}

}  // namespace

AttentionTiles PlainAttention::tiles() const {
  AttentionTiles tiles;
  tiles.skips_empty = false;
  return tiles;
}

AttentionWork PlainAttention::forward(const AttentionBlock& block, AttentionOutput& result) const {
  const auto& [q_BTHQ, k_BSKQ, v_BSKQ, mask, dropout, scale] = block;
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const Factors factors(dropout, mask);
  std::int64_t computed = 0;
  dispatch_compute(q_BTHQ, [&](auto zero) {
    using C = decltype(zero);
    using T = Accumulator<C>;
    const auto q = head_view<C>(q_BTHQ, n.batch, n.queries, n.heads, n.width),
               k = head_view<C>(k_BSKQ, n.batch, n.keys, n.kv_heads, n.width);
    const auto v = head_view<C>(v_BSKQ, n.batch, n.keys, n.kv_heads, n.width);
    const auto out = head_view<T>(result.out_BTHQ, n.batch, n.queries, n.heads, n.width);
    const auto lse = row_view<T>(result.lse_BHT, n);
    std::vector<T> score(static_cast<std::size_t>(n.keys));
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t h = 0; h < n.heads; ++h)
        for (std::int64_t t = 0; t < n.queries; ++t) {
          const std::int64_t g = h / n.group();
          T most = -std::numeric_limits<T>::infinity(), sum = 0;
          for (std::int64_t s = 0; s < n.keys; ++s) {
            score[s] = static_cast<T>(scale) * dot(q.at(b, t, h), k.at(b, s, g), n.width);
            if (!mask.visible(t, s)) score[s] = -std::numeric_limits<T>::infinity();
            most = std::max(most, score[s]);
          }
          computed += n.keys;
          T* row = out.at(b, t, h);
          std::fill_n(row, n.width, T(0));
          lse.at(b, h, t) = most;
          if (most == -std::numeric_limits<T>::infinity()) continue;
          for (std::int64_t s = 0; s < n.keys; ++s) sum += std::exp(score[s] - most);
          lse.at(b, h, t) = most + std::log(sum);
          for (std::int64_t s = 0; s < n.keys; ++s)
            add_scaled<C>(row, std::exp(score[s] - most) / sum * static_cast<T>(factors.at(b, h, t, s)), v.at(b, s, g), n.width);
        }
  });
  return work(mask, n, computed, tiles().forward_matmuls);
}

AttentionWork PlainAttention::backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const {
  const auto& [q_BTHQ, k_BSKQ, v_BSKQ, mask, dropout, scale] = block;
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  ERGON_CHECK(upstream.out_BTHQ.sizes() == q_BTHQ.sizes(), "an output of {}", c10::str(upstream.out_BTHQ.sizes()));
  const Factors factors(dropout, mask);
  for (const at::Tensor* gradient : {&result.dq_BTHQ, &result.dk_BSKQ, &result.dv_BSKQ}) gradient->zero_();
  std::int64_t computed = 0;
  dispatch_compute(q_BTHQ, [&](auto zero) {
    using C = decltype(zero);
    using T = Accumulator<C>;
    const auto q = head_view<C>(q_BTHQ, n.batch, n.queries, n.heads, n.width),
               k = head_view<C>(k_BSKQ, n.batch, n.keys, n.kv_heads, n.width);
    const auto v = head_view<C>(v_BSKQ, n.batch, n.keys, n.kv_heads, n.width),
               dout = head_view<C>(upstream.dout_BTHQ, n.batch, n.queries, n.heads, n.width);
    const auto dq = head_view<T>(result.dq_BTHQ, n.batch, n.queries, n.heads, n.width),
               dk = head_view<T>(result.dk_BSKQ, n.batch, n.keys, n.kv_heads, n.width);
    const auto dv = head_view<T>(result.dv_BSKQ, n.batch, n.keys, n.kv_heads, n.width);
    const auto lse = row_view<T>(upstream.lse_BHT, n), delta = row_view<T>(upstream.delta_BHT, n);
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t h = 0; h < n.heads; ++h)
        for (std::int64_t t = 0; t < n.queries; ++t) {
          computed += n.keys;
          const std::int64_t g = h / n.group();
          for (std::int64_t s = 0; s < n.keys; ++s) {
            if (!mask.visible(t, s)) continue;
            const T score = static_cast<T>(scale) * dot(q.at(b, t, h), k.at(b, s, g), n.width);
            const T p = std::exp(score - lse.at(b, h, t)), factor = static_cast<T>(factors.at(b, h, t, s));
            const T dp = dot(dout.at(b, t, h), v.at(b, s, g), n.width);
            const T ds = static_cast<T>(scale) * p * (dp * factor - delta.at(b, h, t));
            add_scaled<C>(dv.at(b, s, g), p * factor, dout.at(b, t, h), n.width);
            add_scaled<C>(dq.at(b, t, h), ds, k.at(b, s, g), n.width);
            add_scaled<C>(dk.at(b, s, g), ds, q.at(b, t, h), n.width);
          }
        }
  });
  return work(mask, n, computed, tiles().backward_matmuls);
}

}  // namespace ergon
