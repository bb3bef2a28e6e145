// SPDX-License-Identifier: Apache-2.0
// What `ergon bench attention-sharding` measures on the ranks that mpirun started: forward and backward of one layer's attention under
// every strategy, the seconds that ranks wait in collectives, and the constants of the model that predicts it
// (parallel/plan/attention_time).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/communicator.hpp"
#include "parallel/plan/attention_traffic.hpp"

namespace ergon {

struct ShardingJob {
  std::vector<std::int64_t> lengths = {256, 512, 1024, 2048, 4096};  // of the whole sequence
  std::int64_t batch = 1, heads = 8, kv_heads = 8, head_width = 64;
  DType dtype = DType::float32;
  bool causal = true;
  std::int64_t gather_heads = 1, rounds = 5;
};
nlohmann::json to_json(const ShardingJob& job);
ShardingJob sharding_job(const nlohmann::json& json);
AttentionExtent extent_of(const ShardingJob& job, std::int64_t sequence);

// A strategy with its layout, on so many ranks.
struct AttentionVariant {
  std::string name;  // "ring zigzag"
  ContextSharding sharding;
};
struct LeftOut {
  std::string name, reason;
};
struct AttentionVariants {
  std::vector<AttentionVariant> measured;
  std::vector<LeftOut> left_out;  // what the rules of parallel/plan/refusals do not allow, in their words
};
// Throws Error (where = --lengths) for a length that no layout can cut.
AttentionVariants attention_variants(const ShardingJob& job, std::int64_t ranks);

// {ranks, links{<operation>{latency, bandwidth}}, lengths[{length, kernel{forward, backward}, variants[{name, bytes{forward, backward},
// seconds{forward, backward}, exposed{forward, backward}}]}]}: medians over rounds; bytes of all ranks together, exposed as a share of the
// pass. Collective over `world`, whose tensors are on the host.
nlohmann::json measure_attention(Communicator& world, const ShardingJob& job);

}  // namespace ergon
