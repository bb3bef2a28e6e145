// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/aten.hpp"

#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>

#include <algorithm>
#include <optional>

#include "trainer/attention/views.hpp"

namespace ergon {
namespace {

// Same positions, increasing: then "key position <= query position" is ATen's "column <= row".
bool square_causal(const BlockMask& mask) {
  if (!mask.causal || mask.queries != mask.keys) return false;
  std::int64_t next = 0;
  for (const PositionRun& run : mask.queries) {
    if (run.length > 0 && (run.stride < 1 || run.start < next)) return false;
    next = run.length > 0 ? run.start + (run.length - 1) * run.stride + 1 : next;
  }
  return true;
}

// Whether ATen is told to mask; throws when it cannot do the job.
bool causal_call(const at::Tensor& q_BTHQ, const BlockMask& mask, const AttentionDropout& dropout) {
  if (q_BTHQ.scalar_type() == at::kBFloat16)
    throw Error("ATen's attention kernel rounds its results to bfloat16 and would lose the float32 ones", "attention kernel",
                "use the kernel \"tiled\", or let \"auto\" choose", ExitCode::config);
  if (!AtenAttention::supports(mask, dropout))
    throw Error("ATen's attention kernel does no dropout, windows, documents or partial blocks", "attention kernel",
                "use the kernel \"tiled\", or let \"auto\" choose", ExitCode::config);
  return mask.kind() != BlockKind::full;
}

at::Tensor heads_first(const at::Tensor& x_BTHQ) { return x_BTHQ.transpose(1, 2); }

AttentionWork declare(const BlockMask& mask, const AttentionSizes& n, const AttentionTiles& tiles, int matmuls) {
  const std::int64_t slices = n.batch * n.heads;
  return {mask.visible_pairs() * slices, computed_pairs(mask, tiles) * slices, matmuls, true};
}

}  // namespace

bool AtenAttention::supports(const BlockMask& mask, const AttentionDropout& dropout) {
  if (dropout.p > 0.0 || mask.num_queries() == 0 || mask.num_keys() == 0) return false;
  if (mask.kind() == BlockKind::full) return true;
  return mask.window == 0 && mask.document_starts.size() <= 1 && square_causal(mask);
}

AttentionTiles AtenAttention::tiles() const {
  AttentionTiles tiles;
  tiles.queries = 32;
  tiles.keys = 512;
  tiles.longer = {AttentionTiles::Longer{192, 64}, AttentionTiles::Longer{768, 256}};
  return tiles;
}

AttentionWork AtenAttention::forward(const AttentionBlock& block, AttentionOutput& result) const {
  const auto& [q_BTHQ, k_BSKQ, v_BSKQ, mask, dropout, scale] = block;
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const bool causal = causal_call(q_BTHQ, mask, dropout);
  const auto [out_BHTQ, lse_BHT] = at::_scaled_dot_product_flash_attention_for_cpu(heads_first(q_BTHQ), heads_first(k_BSKQ),
                                                                                   heads_first(v_BSKQ), 0.0, causal, std::nullopt, scale);
  result.out_BTHQ.copy_(heads_first(out_BHTQ));
  result.lse_BHT.copy_(lse_BHT);
  return declare(mask, n, tiles(), tiles().forward_matmuls);
}

AttentionWork AtenAttention::backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const {
  const auto& [q_BTHQ, k_BSKQ, v_BSKQ, mask, dropout, scale] = block;
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const bool causal = causal_call(q_BTHQ, mask, dropout);
  const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      heads_first(upstream.dout_BTHQ), heads_first(q_BTHQ), heads_first(k_BSKQ), heads_first(v_BSKQ), heads_first(upstream.out_BTHQ),
      upstream.lse_BHT, 0.0, causal, std::nullopt, scale);
  result.dq_BTHQ.copy_(heads_first(dq));
  result.dk_BSKQ.copy_(heads_first(dk));
  result.dv_BSKQ.copy_(heads_first(dv));
  return declare(mask, n, tiles(), tiles().backward_matmuls);
}

}  // namespace ergon
