// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/agreement.hpp"

#include <atomic>
#include <system_error>

#include "tests/parallel/collective_cases.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/corrupt.hpp"

using namespace ergon;

TEST_CASE("texts of any length travel from and to rank 0") {
  const std::string large(100'000, 'x');
  CHECK(on_threads(4, [&](Communicator& control, Failures& failures) {
          const int rank = control.rank();
          failures.expect(broadcast_text(control, rank == 2 ? large : "not mine", 2) == large, "a large text of rank 2");
          failures.expect(broadcast_text(control, "", 0).empty(), "an empty text");
          const auto texts = gather_text(control, std::string(static_cast<std::size_t>(rank), 'a'));  // rank 0 sends nothing
          failures.expect(texts == (rank == 0 ? std::vector<std::string>{"", "a", "aa", "aaa"} : std::vector<std::string>{}),
                          fmt::format("the texts gathered on rank {}", rank));
        }) == "");
}

TEST_CASE("agree: one failure for all, what is no corruption before what is") {
  const Failure corrupt{"bad block", "file", "", ExitCode::data, true}, disk{"disk gone", "path", "look", ExitCode::stuck, false};
  CHECK(on_threads(4, [&](Communicator& control, Failures& failures) {
          const int rank = control.rank();
          const auto expect = [&](const std::optional<Failure>& mine, const std::optional<Failure>& agreed, const char* what) {
            failures.expect(agree(control, mine) == agreed, fmt::format("{}, on rank {}", what, rank));
          };
          const auto numbered = [&](int of) {
            Failure failure = corrupt;
            failure.problem = std::to_string(of);
            return std::optional(failure);
          };
          expect({}, {}, "no failure");
          expect(rank == 1 ? std::optional(corrupt) : std::nullopt, corrupt, "that of rank 1");
          expect(rank == 0 ? std::optional(corrupt) : rank == 3 ? std::optional(disk) : std::nullopt, disk, "what is no corruption");
          expect(numbered(rank), numbered(0), "the first of all");
          expect(rank >= 2 ? numbered(rank) : std::nullopt, numbered(2), "the first of two");
        }) == "");
}

TEST_CASE("exceptions become failures, bugs stay bugs") {
  const auto failure_of = [](auto exception) {
    try {
      throw exception;
    } catch (const std::exception&) {
      return current_failure();
    }
  };
  CHECK(failure_of(Corrupt("p", "w")) ==
        Failure{"p", "w", "`ergon checkpoint verify` says what else is wrong with it", ExitCode::data, true});
  CHECK(failure_of(Error("p", "w", "h", ExitCode::stuck)) == Failure{"p", "w", "h", ExitCode::stuck, false});
  CHECK(failure_of(std::bad_alloc()).problem == "no memory was left");
  CHECK(contains(failure_of(std::system_error(2, std::generic_category())).problem, "No such file"));
  CHECK_THROWS_AS(failure_of(Bug("b")), Bug);
  CHECK(failure_of(Error("p", "w", "h", ExitCode::stuck)).error().code() == ExitCode::stuck);
}

TEST_CASE("what one rank cannot do, all ranks end with") {
  std::atomic<int> agreed = 0, passed = 0;
  run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
    on_every_rank(*world, [&] { ++passed; });
    try {
      on_every_rank(*world, [&] {
        if (world->rank() == 1) throw Error("no such store", "data.train", "make one", ExitCode::data);
      });
    } catch (const AgreedError& error) {
      agreed += error.problem() == "no such store" && error.where() == "data.train" && error.code() == ExitCode::data;
    }
  });
  CHECK(passed == 3);
  CHECK(agreed == 3);
}
