// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator_local.hpp"

#include <ATen/ops/zeros.h>

#include "configs/error.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

std::string stuck_because(int size, const std::function<void(Communicator&)>& body) {
  try {
    run_local_ranks(size, [&](std::unique_ptr<Communicator> group) { body(*group); });
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::stuck);
    CHECK(error.where() == "world");
    return error.problem();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("communicator_local: every collective equals a direct computation") {
  for (int size : {1, 2, 3, 4}) CHECK(on_threads(size, check_values) == "");
}

TEST_CASE("communicator_local: split") {
  for (int size : {1, 2, 3, 4}) CHECK(on_threads(size, check_split) == "");
}

TEST_CASE("communicator_local: ranks that disagree are told, not left waiting") {
  CHECK(stuck_because(2, [](Communicator& group) {
          group.rank() == 0 ? group.barrier().wait() : group.all_reduce(at::zeros({1})).wait();
        }) == "rank 1 called all_reduce where rank 0 called barrier");
  CHECK(stuck_because(2, [](Communicator& group) { group.all_reduce(at::zeros({1 + group.rank()})).wait(); }) ==
        "rank 1 called all_reduce with 2 elements where rank 0 has 1");
  CHECK(stuck_because(2, [](Communicator& group) {
          group.all_reduce(at::zeros({1}, group.rank() == 0 ? at::kFloat : at::kLong)).wait();
        }) == "rank 1 called all_reduce with another dtype than rank 0");
  CHECK(stuck_because(2, [](Communicator& group) { group.broadcast(at::zeros({1}), group.rank()).wait(); }) ==
        "rank 1 called broadcast with another root, distance or reduction than rank 0");
  CHECK(stuck_because(2, [](Communicator& group) {
          const std::vector<std::int64_t> one = {1, 1}, two = {1, 2};
          group.rank() == 0 ? group.all_to_all_v(at::zeros({2}), one, at::zeros({2}), one).wait()
                            : group.all_to_all_v(at::zeros({3}), {2, 1}, at::zeros({2}), one).wait();
        }) == "rank 1 expects 2 elements from rank 0, which sends 1");
  CHECK(stuck_because(2, [](Communicator& group) {
          group.rank() == 0 ? group.send(at::zeros({1}), 1).wait() : group.recv(at::zeros({2}), 0).wait();
        }) == "rank 0 sends 1 elements to rank 1, which expects 2, or of another dtype");
}

TEST_CASE("communicator_local: a rank that leaves is named") {
  const std::string left = "rank 1 left the group while others wait for it";
  CHECK(stuck_because(3, [](Communicator& group) {
          if (group.rank() != 1) group.barrier().wait();
        }) == left);
  CHECK(stuck_because(2, [](Communicator& group) {
          if (group.rank() == 0) group.recv(at::zeros({1}), 1).wait();
        }) == left);
  CHECK(stuck_because(2, [](Communicator& group) {
          if (group.rank() == 0) group.split(0, 0, "half");
        }) == left);
}

TEST_CASE("communicator_local: the first cause is thrown, not its consequences") {
  CHECK_THROWS_AS(run_local_ranks(3,
                                  [](std::unique_ptr<Communicator> group) {
                                    if (group->rank() == 2) throw Bug("mine");
                                    group->barrier().wait();
                                  }),
                  Bug);
}

}  // namespace ergon
