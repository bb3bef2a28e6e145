// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradients.hpp"

#include <ATen/ops/empty.h>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// All ranks keep the sum (all_reduce), or each rank its part of every bucket (reduce_scatter).
std::vector<GradientSlices> slices(const at::Tensor& flat, const std::vector<Bucket>& buckets, const at::Tensor& shard = {},
                                   int ranks = 1) {
  std::vector<GradientSlices> result;
  std::int64_t at = 0;
  for (const Bucket& bucket : buckets) {
    const std::int64_t size = bucket.range.size(), part = size / ranks;
    result.push_back({bucket.first_unit, bucket.last_unit, flat.narrow(0, bucket.range.begin, size),
                      shard.defined() ? shard.narrow(0, at, part) : at::Tensor()});
    at += part;
  }
  return result;
}

class Counter final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override { elements.push_back(event.elements); }
  std::vector<std::int64_t> elements;
};

// Two steps of a backward that fills unit after unit, against the direct sum of all ranks' buffers.
void check_overlapped_sum(Communicator& group, Failures& failures) {
  const std::vector<ElementRange> units = {{0, 100}, {112, 300}, {304, 420}, {432, 1000}, {1008, 1024}};
  Counter counter;
  group.observe(&counter);
  at::Tensor flat = at::empty({1024}, at::kFloat);
  GradientBuckets buckets(slices(flat, plan_buckets(units, Bytes{800}, 4)), group);
  for (int step = 0; step < 2; ++step) {
    at::Tensor expected = random_numbers(step, 0, 1024, at::kFloat);
    for (int r = 1; r < group.size(); ++r) expected.add_(random_numbers(step, r, 1024, at::kFloat));
    const at::Tensor mine = random_numbers(step, group.rank(), 1024, at::kFloat);
    flat.zero_();
    GradientSink& sink = buckets;
    failures.expect(buckets.begin_microbatch(0, 2), "the first microbatch overwrites");
    for (int unit = 4; unit >= 0; --unit) sink.unit_ready(unit);  // nothing leaves yet
    failures.expect(!buckets.begin_microbatch(1, 2), "the others add");
    for (int unit = 4; unit >= 0; --unit) {
      const ElementRange& range = units[static_cast<std::size_t>(unit)];
      flat.narrow(0, range.begin, range.size()).copy_(mine.narrow(0, range.begin, range.size()));
      sink.unit_ready(unit);
      buckets.poll();
    }
    buckets.finish();
    for (const ElementRange& range : units)
      failures.expect(flat.narrow(0, range.begin, range.size()).equal(expected.narrow(0, range.begin, range.size())), "a summed unit");
    failures.expect(flat[104].item<float>() == 0, "padding stays zero");
  }
  group.observe(nullptr);
  // {units 4, 3}: 432..1024; {units 2, 1}: 112..420; {unit 0}.
  failures.expect(counter.elements == std::vector<std::int64_t>{592, 308, 100, 592, 308, 100}, "one all_reduce a bucket");
}

// The same, each rank's part of the sums in its shard.
void check_scattered_sum(Communicator& group, Failures& failures) {
  const int n = group.size();
  const std::vector<Bucket> buckets = {{{40 * n, 100 * n}, 1, 2}, {{0, 40 * n}, 0, 0}};
  at::Tensor flat = random_numbers(7, group.rank(), 100 * n, at::kDouble), shard = at::empty({100}, at::kDouble);
  at::Tensor expected = random_numbers(7, 0, 100 * n, at::kDouble);
  for (int r = 1; r < n; ++r) expected.add_(random_numbers(7, r, 100 * n, at::kDouble));
  GradientBuckets reduction(slices(flat, buckets, shard, n), group);
  reduction.begin_microbatch(0, 1);
  for (int unit = 2; unit >= 0; --unit) reduction.unit_ready(unit);
  reduction.finish();
  failures.expect(shard.narrow(0, 0, 60).allclose(expected.narrow(0, 40 * n + 60 * group.rank(), 60), 1e-14, 1e-14), "the last units");
  failures.expect(shard.narrow(0, 60, 40).allclose(expected.narrow(0, 40 * group.rank(), 40), 1e-14, 1e-14), "the first unit");
}

}  // namespace

TEST_CASE("gradients: overlapped buckets equal the direct sum") {
  for (int size : {1, 2, 4}) CHECK(on_threads(size, check_overlapped_sum) == "");
  CHECK(on_group(*make_mpi_world(), check_overlapped_sum) == "");
}

TEST_CASE("gradients: owners get their parts of the sums") {
  for (int size : {1, 2, 4}) CHECK(on_threads(size, check_scattered_sum) == "");
  CHECK(on_group(*make_mpi_world(), check_scattered_sum) == "");
}

TEST_CASE("gradients: units out of order and units that never came are bugs") {
  auto group = make_local_group(1);
  GradientBuckets buckets(slices(at::empty({4}, at::kFloat), {{{2, 4}, 2, 3}, {{0, 2}, 0, 1}}), *group[0]);
  CHECK_THROWS_AS(buckets.unit_ready(2), Bug);
  buckets.unit_ready(3);
  CHECK_THROWS_AS(buckets.unit_ready(3), Bug);
  buckets.unit_ready(2);
  CHECK_THROWS_AS(buckets.finish(), Bug);
}

}  // namespace ergon
