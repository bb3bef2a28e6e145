// SPDX-License-Identifier: Apache-2.0
#include "parallel/parameter_gather.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

class GatherCounter final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override { gathers += event.operation == Collective::all_gather; }
  int gathers = 0;
};

// Part p of rank r holds 10 p + r.
bool holds(const at::Tensor& whole, int part, int ranks) {
  for (int r = 0; r < ranks; ++r)
    if (!whole.narrow(0, 4 * r, 4).eq(10 * part + r).all().item<bool>()) return false;
  return true;
}

// Parts 0 and 2 share a buffer.
void check_turns(Communicator& group, Failures& failures) {
  const int n = group.size();
  GatherCounter counter;
  group.observe(&counter);
  const at::Tensor shared = at::zeros({4 * n}, at::kFloat), single = at::zeros({4 * n}, at::kFloat);
  std::vector<GatheredPart> parts;
  for (int p = 0; p < 3; ++p)
    parts.push_back({p == 1 ? single : shared, at::full({4}, 10.0 * p + group.rank(), at::kFloat), p == 1 ? 1 : 0});
  ParameterGather gather(parts, group);
  gather.start(0);
  gather.start(0);
  gather.acquire(0);
  gather.start(1);
  gather.acquire(0);  // a second user
  gather.release(0);
  failures.expect(holds(shared, 0, n), "part 0 until its last user leaves");
  gather.release(0);
  gather.acquire(1);
  gather.acquire(2);
  failures.expect(holds(single, 1, n) && holds(shared, 2, n), "part 2 in the buffer of part 0");
  gather.prefetch(0);  // part 2 has its buffer: it comes when it is wanted
  gather.release(2);
  gather.release(1);
  gather.prefetch(1);  // this one comes at once
  gather.acquire(1);
  failures.expect(holds(single, 1, n), "part 1 ahead of its use");
  gather.release(1);
  gather.acquire(0);
  failures.expect(holds(shared, 0, n), "part 0 again");
  gather.release(0);
  gather.start(2);
  gather.poll();
  gather.settle();
  failures.expect(holds(shared, 2, n), "settled");
  group.observe(nullptr);
  failures.expect(counter.gathers == 6, "one gather for as long as a part is held");
}

// The own part may lie in its place already: what ZeRO-1 does after an update.
void check_in_place(Communicator& group, Failures& failures) {
  const int n = group.size();
  at::Tensor whole = at::zeros({4 * n}, at::kDouble);
  const at::Tensor own = whole.narrow(0, 4 * group.rank(), 4);
  ParameterGather gather({{whole, own, 0}}, group);
  own.fill_(group.rank());
  gather.start(0);
  gather.settle();
  failures.expect(holds(whole, 0, n), "all parts, and the own one untouched");
}

}  // namespace

TEST_CASE("parameter_gather: parts take turns in a buffer") {
  for (int size : {1, 2, 4}) CHECK(on_threads(size, check_turns) == "");
  CHECK(on_group(*make_mpi_world(), check_turns) == "");
}

TEST_CASE("parameter_gather: a part that is in its place already stays there") {
  for (int size : {1, 2, 4}) CHECK(on_threads(size, check_in_place) == "");
  CHECK(on_group(*make_mpi_world(), check_in_place) == "");
}

TEST_CASE("parameter_gather: two parts at once in a buffer, and releases without a user, are bugs") {
  auto group = make_local_group(1);
  const at::Tensor whole = at::zeros({4}, at::kFloat), own = at::zeros({4}, at::kFloat);
  ParameterGather gather({{whole, own, 0}, {whole, own, 0}}, *group[0]);
  CHECK_THROWS_AS(gather.release(0), Bug);
  gather.acquire(0);
  CHECK_THROWS_AS(gather.start(1), Bug);
  CHECK_THROWS_AS(ParameterGather({{whole, own.narrow(0, 0, 3), 0}}, *group[0]), Bug);
}

}  // namespace ergon
