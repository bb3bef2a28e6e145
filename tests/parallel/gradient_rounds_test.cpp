// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradient_rounds.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <numeric>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

constexpr std::int64_t elements = 96, microbatches = 8;  // for 1, 2, 4 and 8 ranks

// Of global microbatch k: magnitudes that differ, so that float sums depend on their order.
at::Tensor gradient(std::int64_t k) { return random_numbers(static_cast<int>(k), 3, elements, at::kFloat).mul_(k % 3 == 0 ? 1e4 : 1e-2); }

class RoundCounter final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override {
    text += std::string(name(event.operation)) + " " + std::to_string(event.elements) + ";";
  }
  std::string text;
};

struct Step {
  Step(Communicator& group, RoundSum sum, SumStays stays)
      : whole(at::empty({elements}, at::kFloat)), own(at::empty({elements / group.size()}, at::kFloat)) {
    const std::int64_t n = group.size();
    // Two buckets that leave from one buffer, as those of units at work do.
    std::vector<GradientSlices> slices = {
        {1, 2, whole.narrow(0, 0, elements / 3), own.narrow(0, 0, elements / 3 / n)},
        {0, 0, whole.narrow(0, elements / 3, 2 * elements / 3), own.narrow(0, elements / 3 / n, 2 * elements / 3 / n)}};
    std::vector<int> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    GradientRounds rounds(slices, group, sum, order, stays);
    for (int step = 0; step < 2; ++step) {
      const std::int64_t of_rank = microbatches / n;
      for (std::int64_t a = 0; a < of_rank; ++a) {
        overwrites &= rounds.begin_microbatch(a, of_rank);
        const at::Tensor mine = gradient(a * n + group.rank());
        whole.narrow(0, 0, elements / 3).copy_(mine.narrow(0, 0, elements / 3));
        rounds.unit_ready(2);
        rounds.unit_ready(1);
        whole.narrow(0, elements / 3, 2 * elements / 3).copy_(mine.narrow(0, elements / 3, 2 * elements / 3));
        rounds.unit_ready(0);
      }
      rounds.finish();
    }
  }
  // Of the parts of all ranks, as they lie in the two buckets.
  at::Tensor mine(const at::Tensor& sum, const Communicator& group) const {
    const std::int64_t n = group.size(), small = elements / 3 / n, large = 2 * small;
    at::Tensor part = own.clone();
    part.narrow(0, 0, small).copy_(sum.narrow(0, group.rank() * small, small));
    part.narrow(0, small, large).copy_(sum.narrow(0, elements / 3 + group.rank() * large, large));
    return part;
  }
  at::Tensor whole, own;
  bool overwrites = true;
};

at::Tensor sum_in_order() {
  at::Tensor sum = gradient(0);
  for (std::int64_t k = 1; k < microbatches; ++k) sum.add_(gradient(k));
  return sum;
}

// Bit for bit, on any number of ranks.
void check_ordered(Communicator& group, Failures& failures) {
  const at::Tensor sum = sum_in_order();
  const Step owners(group, RoundSum::ordered, SumStays::with_owner), everywhere(group, RoundSum::ordered, SumStays::on_every_rank);
  failures.expect(owners.overwrites, "every microbatch overwrites");
  failures.expect(owners.own.equal(owners.mine(sum, group)), "the owner's part of the sum in order");
  failures.expect(everywhere.own.equal(everywhere.mine(sum, group)), "the owner's part, shared");
  failures.expect(everywhere.whole.equal(sum), "the whole sum on every rank");
}

void check_summed(Communicator& group, Failures& failures) {
  const Step step(group, RoundSum::summed, SumStays::with_owner);
  failures.expect(step.own.allclose(step.mine(sum_in_order(), group), 1e-5, 1e-2), "the sum");
}

// Per microbatch the buckets' parts, last units first; the shared sums once a step.
void check_operations(Communicator& group, Failures& failures) {
  const auto seen = [&](RoundSum sum, SumStays stays) {
    RoundCounter counter;
    group.observe(&counter);
    Step step(group, sum, stays);
    group.observe(nullptr);
    return counter.text;
  };
  const std::int64_t n = group.size();
  if (n == 1) return;
  const auto round = [&](const char* operation) { return fmt::format("{} {};{} {};", operation, 32 / n, operation, 64 / n); };
  std::string scattered, exchanged;
  for (std::int64_t a = 0; a < microbatches / n; ++a) scattered += round("reduce_scatter");
  for (std::int64_t a = 0; a < microbatches / n; ++a) exchanged += round("all_to_all");
  failures.expect(seen(RoundSum::summed, SumStays::with_owner) == scattered + scattered, "reduce_scatter a bucket and microbatch");
  failures.expect(seen(RoundSum::ordered, SumStays::with_owner) == exchanged + exchanged, "all_to_all a bucket and microbatch");
  // A bucket's sum is shared as soon as it holds the last microbatch, before the parts of the bucket after it leave.
  std::string shared;
  for (std::int64_t a = 0; a + 1 < microbatches / n; ++a) shared += round("all_to_all");
  for (const std::int64_t own : {32 / n, 64 / n}) shared += fmt::format("all_to_all {};all_gather {};", own, own);
  failures.expect(seen(RoundSum::ordered, SumStays::on_every_rank) == shared + shared, "sums are shared once a step");
}

}  // namespace

TEST_CASE("gradient_rounds: parts added in order of their microbatches have the same bits on any number of ranks") {
  for (int size : {1, 2, 4, 8}) CHECK(on_threads(size, check_ordered) == "");
  CHECK(on_group(*make_mpi_world(), check_ordered) == "");
}

TEST_CASE("gradient_rounds: summed by the backend they are the same to rounding") {
  for (int size : {1, 2, 4}) CHECK(on_threads(size, check_summed) == "");
  CHECK(on_group(*make_mpi_world(), check_summed) == "");
}

TEST_CASE("gradient_rounds: what is sent") {
  for (int size : {2, 4}) CHECK(on_threads(size, check_operations) == "");
}

// A stage with two chunks comes to them in the order of its schedule, and its table has a twin on another stage: even and odd ranks.
void check_chunks(Communicator& world, Failures& failures) {
  const int half = world.size() / 2;
  auto group = world.split(world.rank() % 2, world.rank() / 2, "dp");
  auto twin = world.split(world.rank() / 2, world.rank() % 2, "twins");
  std::vector<int> order(static_cast<std::size_t>(half));
  std::iota(order.begin(), order.end(), 0);
  const at::Tensor whole = at::empty({3 * 4 * half}, at::kFloat), own = at::empty({3 * 4}, at::kFloat);
  std::vector<GradientSlices> slices;
  for (int bucket = 0; bucket < 3; ++bucket)
    slices.push_back({2 - bucket, 2 - bucket, whole.narrow(0, bucket * 4 * half, 4 * half), own.narrow(0, 4 * bucket, 4),
                      bucket == 2 ? twin.get() : nullptr});
  GradientRounds rounds(slices, *group, RoundSum::ordered, order, SumStays::on_every_rank);
  const auto pass = [&](std::int64_t k, int unit) {
    rounds.begin_microbatch(k, 2);
    whole.narrow(0, (2 - unit) * 4 * half, 4 * half).fill_(static_cast<double>(1 + unit) * static_cast<double>(1 + k));
    rounds.unit_ready(unit);
  };
  for (const auto& [k, unit] : {std::pair(0, 2), std::pair(1, 2), std::pair(0, 1), std::pair(0, 0), std::pair(1, 1), std::pair(1, 0)})
    pass(k, unit);
  rounds.finish();
  // 1 + 2 of two microbatches, from every rank; the table from both stages.
  for (int unit = 0; unit < 3; ++unit)
    failures.expect(whole.narrow(0, (2 - unit) * 4 * half, 4 * half).eq(3.0 * (1 + unit) * half * (unit == 0 ? 2 : 1)).all().item<bool>(),
                    "unit " + std::to_string(unit));
}

TEST_CASE("gradient_rounds: chunks in any order, and a table whose owners add what their twins of another stage have") {
  for (int size : {2, 4}) CHECK(on_threads(size, check_chunks) == "");
}

TEST_CASE("gradient_rounds: a negative zero stays one") {
  auto group = make_local_group(1);
  const at::Tensor whole = at::full({4}, -0.0, at::kFloat), own = at::zeros({4}, at::kFloat);
  GradientRounds rounds({{0, 0, whole, own}}, *group[0], RoundSum::ordered, {0}, SumStays::with_owner);
  rounds.begin_microbatch(0, 1);
  rounds.unit_ready(0);
  rounds.finish();
  CHECK(std::signbit(own[0].item<float>()));
  CHECK(rounds.buffer_bytes().value == 0);
}

TEST_CASE("gradient_rounds: units out of order, steps that end early and parts that do not fit are bugs") {
  auto group = make_local_group(1);
  const at::Tensor whole = at::zeros({4}, at::kFloat), own = at::zeros({4}, at::kFloat);
  GradientRounds rounds({{0, 1, whole, own}}, *group[0], RoundSum::summed, {0}, SumStays::with_owner);
  rounds.begin_microbatch(0, 2);
  CHECK_THROWS_AS(rounds.unit_ready(0), Bug);
  rounds.unit_ready(1);
  CHECK_THROWS_AS(rounds.begin_microbatch(1, 2), Bug);  // unit 0 is due
  rounds.unit_ready(0);
  CHECK_THROWS_AS(rounds.unit_ready(1), Bug);  // twice
  CHECK_THROWS_AS(rounds.finish(), Bug);       // one of two microbatches
  rounds.begin_microbatch(1, 2);
  CHECK_THROWS_AS(rounds.finish(), Bug);
  CHECK_THROWS_AS(GradientRounds({{0, 1, whole, own.narrow(0, 0, 3)}}, *group[0], RoundSum::summed, {0}, SumStays::with_owner), Bug);
}

}  // namespace ergon
