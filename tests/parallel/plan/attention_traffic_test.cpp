// SPDX-License-Identifier: Apache-2.0
// Against figures written out by hand; tests/parallel/context_parallel/attention_forecast_test.cpp compares with what ran.
#include "parallel/plan/attention_traffic.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

constexpr AttentionExtent of_all{.batch = 1, .sequence = 64, .heads = 8, .kv_heads = 2, .head_width = 8, .wire = 2, .exact = 4};
constexpr std::int64_t queries = 64 * 8 * 8, keys = 64 * 2 * 8;  // elements of all queries, of all keys

ContextSharding cut_by(AttentionSharding attention, int cp, int ulysses = 1) { return {attention, SequenceLayout::zigzag, cp, ulysses}; }

struct Sent {
  std::int64_t forward_calls, forward_bytes, backward_calls, backward_bytes;
  bool operator==(const Sent&) const = default;
};
Sent sent_by(const ContextSharding& cut, std::int64_t gather_heads = 1, const AttentionExtent& size = of_all) {
  const AttentionTraffic traffic = attention_traffic(cut, gather_heads, size);
  const AttentionSent forward = total(traffic.forward), backward = total(traffic.backward);
  return {forward.calls, forward.bytes.value, backward.calls, backward.bytes.value};
}

}  // namespace

TEST_CASE("attention_traffic: a ring sends its keys on, and their gradients in the accumulator's type") {
  using enum AttentionSharding;
  CHECK(sent_by(cut_by(ring, 4)) == Sent{3, 3 * 2 * keys * 2, 6, 3 * 2 * keys * (2 + 4)});
  CHECK(sent_by(cut_by(ring, 4), 1, {.sequence = 64, .heads = 2, .kv_heads = 2, .head_width = 8}).forward_bytes == 24576);  // the header's
}

TEST_CASE("attention_traffic: an exchange moves queries and keys once each way; a key head that two ranks use goes to both") {
  using enum AttentionSharding;
  CHECK(sent_by(cut_by(ulysses, 2)) == Sent{2, (2 * queries + 2 * keys) / 2 * 2, 3, (2 * queries * 2 + 2 * keys * 4) / 2});
  // Eight query heads on four ranks use the two key heads twice.
  CHECK(sent_by(cut_by(ulysses, 4)) == Sent{2, (2 * queries + 2 * 2 * keys) * 2 * 3 / 4, 3, (2 * queries * 2 + 2 * 2 * keys * 4) * 3 / 4});
}

TEST_CASE("attention_traffic: gathered keys come once a pass, in as many calls as there are strides") {
  using enum AttentionSharding;
  CHECK(sent_by(cut_by(gather_kv, 4), 1) == Sent{2, 3 * 2 * keys * 2, 4, 3 * 2 * keys * (2 + 4)});
  CHECK(sent_by(cut_by(gather_kv, 4), 2) == Sent{1, 3 * 2 * keys * 2, 2, 3 * 2 * keys * (2 + 4)});
}

TEST_CASE("attention_traffic: a hybrid is an exchange and rings beside each other, and its ends are the other two") {
  using enum AttentionSharding;
  CHECK(sent_by(cut_by(hybrid, 4, 2)) ==
        Sent{2 + 1, (2 * queries + 2 * keys) + 2 * keys * 2, 3 + 2, (2 * queries * 2 + 2 * keys * 4) / 2 + 2 * keys * (2 + 4)});
  CHECK(sent_by(cut_by(hybrid, 4, 1)) == sent_by(cut_by(ring, 4)));
  CHECK(sent_by(cut_by(hybrid, 4, 4)) == sent_by(cut_by(ulysses, 4)));
}

TEST_CASE("attention_traffic: of a run's microbatch, with the heads of one tensor rank and the widths of its types") {
  RunConfig config;
  config.model.heads = 8;
  config.model.kv_heads = 2;
  config.model.head_width = 16;
  config.model.sequence = 96;
  config.train.microbatch = 3;
  config.mesh.tp = 4;  // more ranks than key heads: each has one
  const auto same = [](const AttentionExtent& a, const AttentionExtent& b) {
    return a.batch == b.batch && a.sequence == b.sequence && a.heads == b.heads && a.kv_heads == b.kv_heads &&
           a.head_width == b.head_width && a.wire == b.wire && a.exact == b.exact;
  };
  CHECK(same(attention_extent(config), {3, 96, 2, 1, 16, 4, 4}));
  config.train.dtype = DType::bfloat16;
  CHECK(same(attention_extent(config), {3, 96, 2, 1, 16, 2, 4}));
  config.train.dtype = DType::float64;
  CHECK(same(attention_extent(config), {3, 96, 2, 1, 16, 8, 8}));
}

TEST_CASE("attention_traffic: one rank sends nothing, and sizes that do not divide are a bug") {
  using enum AttentionSharding;
  for (const AttentionSharding any : {ring, ulysses, gather_kv, hybrid}) CHECK(sent_by(cut_by(any, 1)) == Sent{0, 0, 0, 0});
  CHECK_THROWS_AS(attention_traffic(cut_by(ring, 3), 1, of_all), Bug);
  CHECK_THROWS_AS(attention_traffic(cut_by(gather_kv, 2), 3, of_all), Bug);
}
