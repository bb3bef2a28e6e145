// SPDX-License-Identifier: Apache-2.0
// What parallel/plan/attention_traffic and attention_memory say of the strategies is what they send and take, to the byte.
#include <algorithm>
#include <map>

#include "parallel/plan/attention_memory.hpp"
#include "parallel/plan/attention_traffic.hpp"
#include "tests/parallel/context_parallel/sharded_attention.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::vector<Cut> cuts(std::int64_t heads, std::int64_t kv_heads) {
  using enum AttentionSharding;
  const SequenceLayout layout = SequenceLayout::zigzag;
  std::vector<Cut> all = {
      {{ring, layout, 1, 1}}, {{ring, layout, 2, 1}}, {{ring, layout, 3, 1}}, {{hybrid, layout, 4, 2}}, {{hybrid, layout, 8, 4}}};
  for (const int ranks : {2, 3, 4, 8}) {
    if (ranks <= heads) all.push_back({{ulysses, layout, ranks, 1}});
    for (const std::int64_t stride : {std::int64_t{1}, kv_heads}) all.push_back({{gather_kv, layout, ranks, 1}, stride});
  }
  return all;
}

struct Sent {
  std::int64_t calls = 0, bytes = 0;  // of each rank; of all ranks
  bool operator==(const Sent&) const = default;
};
using SentByOperation = std::map<std::string, Sent>;

SentByOperation sent(const std::vector<Messages>& by_rank) {
  SentByOperation sums;
  for (const Messages& messages : by_rank)
    for (const auto& [message, count] : messages) {
      Sent& sum = sums[name(std::get<Collective>(message))];
      if (&messages == &by_rank.front()) sum.calls += count;
      sum.bytes += count * std::get<4>(message);
    }
  return sums;
}
SentByOperation sent(const std::vector<AttentionSent>& forecast) {
  SentByOperation sums;
  for (const AttentionSent& part : forecast) sums[part.operation] = {part.calls, part.bytes.value};
  return sums;
}

AttentionExtent extent_of(const AttentionCase& c, at::ScalarType dtype) {
  const std::int64_t wire = static_cast<std::int64_t>(c10::elementSize(dtype));
  return {.batch = 2,
          .sequence = cut_sequence,
          .heads = c.heads,
          .kv_heads = c.kv_heads,
          .head_width = c.width,
          .wire = wire,
          .exact = std::max<std::int64_t>(4, wire)};
}

}  // namespace

TEST_CASE("attention forecast: bytes, calls and memory are what every strategy sends and takes; heads that divide or not, in every type") {
  struct Shape {
    std::int64_t heads, kv_heads;
    at::ScalarType dtype;
  };
  for (const auto& [heads, kv_heads, dtype] :
       {Shape{8, 8, at::kFloat}, {8, 2, at::kBFloat16}, {8, 1, at::kDouble}, {9, 3, at::kBFloat16}}) {
    const AttentionCase c = whole_case("causal", heads, kv_heads, {});
    const AttentionData data = attention_data(c);
    for (const Cut& cut : cuts(heads, kv_heads)) {
      INFO(describe(cut, c) << " " << c10::toString(dtype));
      const CutAnswer got = run_cut(cut, c, data, dtype);
      const AttentionExtent extent = extent_of(c, dtype);
      const AttentionTraffic traffic = attention_traffic(cut.sharding, cut.gather_heads, extent);
      CHECK((sent(got.sent.forward) == sent(traffic.forward)));
      CHECK((sent(got.sent.backward) == sent(traffic.backward)));
      for (int rank = 0; rank < cut.sharding.cp; ++rank) {
        const AttentionMemory memory = attention_memory(cut.sharding, cut.gather_heads, extent, rank);
        const TakenMemory& taken = got.taken[static_cast<std::size_t>(rank)];
        INFO("rank " << rank);
        CHECK(taken.kept == memory.kept.value);
        CHECK(taken.forward == memory.forward.value);
        CHECK(taken.backward == memory.backward.value);
      }
    }
  }
}
