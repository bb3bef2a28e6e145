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

// Units of a flat buffer of 1 MiB elements of 4 bytes, as in the header's example: 4, 3, 3 and 6 MiB, with a gap of padding before the
// last.
constexpr std::int64_t mib = (1 << 20) / 4;
const std::vector<ElementRange> example = {{0, 4 * mib}, {4 * mib, 7 * mib}, {7 * mib, 10 * mib}, {10 * mib, 16 * mib}};

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
  GradientBuckets buckets(flat, plan_buckets(units, Bytes{800}, 4), group);
  for (int step = 0; step < 2; ++step) {
    at::Tensor expected = random_numbers(step, 0, 1024, at::kFloat);
    for (int r = 1; r < group.size(); ++r) expected.add_(random_numbers(step, r, 1024, at::kFloat));
    const at::Tensor mine = random_numbers(step, group.rank(), 1024, at::kFloat);
    flat.zero_();
    GradientSink& sink = buckets;
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

}  // namespace

TEST_CASE("gradients: the header's example of buckets") {
  const std::vector<Bucket> buckets = plan_buckets(example, Bytes{5 << 20}, 4);
  REQUIRE(buckets.size() == 3);
  CHECK(buckets[0].range == ElementRange{10 * mib, 16 * mib});
  CHECK(buckets[0].first_unit == 3);
  CHECK(buckets[1].range == ElementRange{4 * mib, 10 * mib});
  CHECK(buckets[1].first_unit == 1);
  CHECK(buckets[1].last_unit == 2);
  CHECK(buckets[2].range == ElementRange{0, 4 * mib});
  CHECK(plan_buckets(example, Bytes{1}, 4).size() == 4);
  CHECK(plan_buckets(example, Bytes{1 << 30}, 4).size() == 1);
}

TEST_CASE("gradients: overlapped buckets equal the direct sum") {
  for (int size : {1, 2, 4}) CHECK(on_threads(size, check_overlapped_sum) == "");
  CHECK(on_group(*make_mpi_world(), check_overlapped_sum) == "");
}

TEST_CASE("gradients: units out of order and units that never came are bugs") {
  auto group = make_local_group(1);
  GradientBuckets buckets(at::empty({16 * mib}, at::kFloat), plan_buckets(example, Bytes{5 << 20}, 4), *group[0]);
  CHECK_THROWS_AS(buckets.unit_ready(2), Bug);
  buckets.unit_ready(3);
  CHECK_THROWS_AS(buckets.unit_ready(3), Bug);
  buckets.unit_ready(2);
  CHECK_THROWS_AS(buckets.finish(), Bug);
}

}  // namespace ergon
