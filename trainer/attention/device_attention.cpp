// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/device_attention.hpp"

#include <vector>

#include "configs/error.hpp"
#include "trainer/attention/block_plan.hpp"
#include "trainer/attention/views.hpp"
#include "trainer/kernels/precision.hpp"

namespace ergon {
namespace {

constexpr std::int64_t query_tile = ERGON_ATTENTION_QUERY_TILE, key_tile = ERGON_ATTENTION_KEY_TILE;

ErgonHeads heads(const at::Tensor& x, std::int64_t batch, std::int64_t rows, std::int64_t num_heads, std::int64_t width,
                 at::ScalarType dtype) {
  ERGON_CHECK(x.dim() == 4 && x.sizes() == at::IntArrayRef({batch, rows, num_heads, width}) && (x.stride(3) == 1 || width == 1) &&
                  x.scalar_type() == dtype,
              "attention wants [{}, {}, {}, {}] of {} with a contiguous last dim, got {} of {} (strides {})", batch, rows, num_heads, width,
              c10::toString(dtype), c10::str(x.sizes()), c10::toString(x.scalar_type()), c10::str(x.strides()));
  return {x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)};
}

ErgonRows rows(const at::Tensor& x, const AttentionSizes& n, at::ScalarType dtype) {
  ERGON_CHECK(x.dim() == 3 && x.sizes() == at::IntArrayRef({n.batch, n.heads, n.queries}) && x.scalar_type() == dtype,
              "attention wants [{}, {}, {}] of {}, got {} of {}", n.batch, n.heads, n.queries, c10::toString(dtype), c10::str(x.sizes()),
              c10::toString(x.scalar_type()));
  return {x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)};
}

ErgonTileKind kind_of(BlockKind kind) {
  if (kind == BlockKind::empty) return ERGON_TILE_EMPTY;
  return kind == BlockKind::full ? ERGON_TILE_FULL : ERGON_TILE_PARTIAL;
}

ErgonAttentionDropout dropout_of(const AttentionDropout& d) {
  return {device_dropout(d.p, d.seed, Stream::attention_dropout, d.step, d.layer, DropoutSite::attention), d.first_sample, d.first_head,
          d.num_heads, d.sequence};
}

}  // namespace

// A plan with its copy on the device.
class DeviceAttention::Plan {
 public:
  Plan(const BlockMask& mask, const DeviceKernels& kernels) : host_(plan_block(mask, query_tile, key_tile)), kernels_(kernels) {
    const std::int64_t queries = host_.num_queries(), keys = host_.num_keys(), tiles = static_cast<std::int64_t>(host_.tiles.size());
    std::vector<std::int64_t> words = host_.query_positions;
    for (const auto* more : {&host_.low, &host_.high, &host_.key_positions}) words.insert(words.end(), more->begin(), more->end());
    const std::size_t at_tiles = words.size();
    words.resize(at_tiles + static_cast<std::size_t>(tiles + 7) / 8, 0);
    auto* kinds = reinterpret_cast<std::uint8_t*>(words.data() + at_tiles);
    for (std::int64_t i = 0; i < tiles; ++i) kinds[i] = kind_of(host_.tiles[static_cast<std::size_t>(i)].kind);
    const auto bytes = static_cast<std::int64_t>(words.size() * sizeof(std::int64_t));
    if (bytes == 0) return;
    const ErgonKernelTable& table = kernels_.table();
    kernels_.check("allocate", table.allocate(&memory_, bytes, kernels_.stream()));
    const int sent = table.upload(memory_, words.data(), bytes, kernels_.stream());
    if (sent != 0) table.release(memory_, kernels_.stream());
    kernels_.check("upload", sent);
    const auto* base = static_cast<const std::int64_t*>(memory_);
    device_ = {base, base + 3 * queries, base + queries, base + 2 * queries,
               reinterpret_cast<const std::uint8_t*>(base + 3 * queries + keys)};
  }
  ~Plan() {
    if (memory_) kernels_.table().release(memory_, kernels_.stream());
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  ErgonAttention call(const at::Tensor& q_BTHQ, const AttentionSizes& n, const AttentionDropout& dropout, double scale) const {
    ErgonAttention call{};
    call.sizes = {n.batch, n.queries, n.keys, n.heads, n.kv_heads, n.width};
    call.plan = device_;
    call.dropout = dropout_of(dropout);
    call.scale = scale;
    call.dtype = call.dout_dtype = device_dtype(q_BTHQ);
    return call;
  }

  // What the kernels do over these tiles.
  AttentionWork work(const AttentionSizes& n, int matmuls) const {
    AttentionWork work{0, 0, matmuls, false};
    for (std::int64_t i = 0; i < host_.query_tiles; ++i)
      for (std::int64_t j = 0; j < host_.key_tiles; ++j) {
        const BlockPlan::Tile& tile = host_.tile(i, j);
        if (tile.kind == BlockKind::empty) continue;
        work.pairs_visible += tile.visible;
        work.pairs_computed += std::min(query_tile, n.queries - i * query_tile) * std::min(key_tile, n.keys - j * key_tile);
      }
    work.pairs_visible *= n.batch * n.heads;
    work.pairs_computed *= n.batch * n.heads;
    return work;
  }

 private:
  BlockPlan host_;
  const DeviceKernels& kernels_;
  void* memory_ = nullptr;
  ErgonAttentionPlan device_{};
};

DeviceAttention::DeviceAttention(const DeviceKernels& kernels) : kernels_(kernels) {}
DeviceAttention::~DeviceAttention() = default;

const DeviceAttention::Plan& DeviceAttention::plan(const BlockMask& mask) const {
  return *plans_.get(mask, [&] { return std::make_unique<Plan>(mask, kernels_); });
}

AttentionTiles DeviceAttention::tiles() const {
  AttentionTiles tiles;
  tiles.queries = query_tile;
  tiles.keys = key_tile;
  tiles.forward_matmuls = ERGON_ATTENTION_FORWARD_MATMULS;
  tiles.backward_matmuls = ERGON_ATTENTION_BACKWARD_MATMULS;
  return tiles;
}

AttentionWork DeviceAttention::forward(const AttentionBlock& block, AttentionOutput& result) const {
  const auto& [q_BTHQ, k_BSKQ, v_BSKQ, mask, dropout, scale] = block;
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const at::ScalarType c = q_BTHQ.scalar_type(), a = accumulator_type(c);
  const Plan& tiles = plan(mask);
  const ErgonAttention call = tiles.call(q_BTHQ, n, dropout, scale);
  const ErgonHeads q = heads(q_BTHQ, n.batch, n.queries, n.heads, n.width, c), k = heads(k_BSKQ, n.batch, n.keys, n.kv_heads, n.width, c),
                   v = heads(v_BSKQ, n.batch, n.keys, n.kv_heads, n.width, c),
                   out = heads(result.out_BTHQ, n.batch, n.queries, n.heads, n.width, a);
  const ErgonRows lse = rows(result.lse_BHT, n, a);
  kernels_.check("attention_forward", kernels_.table().attention_forward(&call, &q, &k, &v, &out, &lse, kernels_.stream()));
  return tiles.work(n, ERGON_ATTENTION_FORWARD_MATMULS);
}

AttentionWork DeviceAttention::backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const {
  const auto& [q_BTHQ, k_BSKQ, v_BSKQ, mask, dropout, scale] = block;
  const AttentionSizes n = attention_sizes(q_BTHQ, k_BSKQ, mask);
  const at::ScalarType c = q_BTHQ.scalar_type(), a = accumulator_type(c);
  ERGON_CHECK(upstream.dout_BTHQ.scalar_type() == c || upstream.dout_BTHQ.scalar_type() == a, "attention wants dout of {} or {}, not {}",
              c10::toString(c), c10::toString(a), c10::toString(upstream.dout_BTHQ.scalar_type()));
  const Plan& tiles = plan(mask);
  ErgonAttention call = tiles.call(q_BTHQ, n, dropout, scale);
  call.dout_dtype = device_dtype(upstream.dout_BTHQ);
  const ErgonHeads q = heads(q_BTHQ, n.batch, n.queries, n.heads, n.width, c), k = heads(k_BSKQ, n.batch, n.keys, n.kv_heads, n.width, c),
                   v = heads(v_BSKQ, n.batch, n.keys, n.kv_heads, n.width, c),
                   dq = heads(result.dq_BTHQ, n.batch, n.queries, n.heads, n.width, a),
                   dk = heads(result.dk_BSKQ, n.batch, n.keys, n.kv_heads, n.width, a),
                   dv = heads(result.dv_BSKQ, n.batch, n.keys, n.kv_heads, n.width, a),
                   dout = heads(upstream.dout_BTHQ, n.batch, n.queries, n.heads, n.width, upstream.dout_BTHQ.scalar_type());
  const ErgonRows lse = rows(upstream.lse_BHT, n, a), delta = rows(upstream.delta_BHT, n, a);
  kernels_.check("attention_backward",
                 kernels_.table().attention_backward(&call, &dout, &q, &k, &v, &lse, &delta, &dq, &dk, &dv, kernels_.stream()));
  return tiles.work(n, ERGON_ATTENTION_BACKWARD_MATMULS);
}

}  // namespace ergon
