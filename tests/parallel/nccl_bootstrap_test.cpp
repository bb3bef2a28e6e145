// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_bootstrap.hpp"

#include "configs/error.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// What rank 0 got: "started", or its error; all ranks must get the same, rank by rank.
std::string start(NcclMock& mock, int ranks, NcclLimits limits = {.start = {10}, .abort = {2}, .attempts = 3, .back_off = {0.01}}) {
  std::vector<std::string> texts(static_cast<std::size_t>(ranks));
  const std::string failed = on_mock(
      mock, ranks,
      [&](auto context, auto host, Failures& failures) {
        std::string& text = texts[static_cast<std::size_t>(host->rank())];
        try {
          start_nccl(context, *host, "tp");
          text = "started";
        } catch (const Error& error) {
          text = fmt::format("{} {}: {}", static_cast<int>(error.code()), error.where(), error.problem());
          failures.expect(!error.hint().empty(), "a hint");
        }
        host->barrier().wait();
      },
      limits);
  CHECK(failed == "");
  for (const std::string& text : texts) CHECK(text == texts[0]);
  return texts[0];
}

}  // namespace

TEST_CASE("nccl_bootstrap: one id, polled to success") {
  NcclMock mock(3);
  for (int rank : {0, 1, 2}) mock.script(rank).polls = 5 * rank;
  CHECK(start(mock, 3) == "started");
  CHECK(mock.ids() == 1);
  CHECK(mock.live_communicators() == 0);
}

TEST_CASE("nccl_bootstrap: one rank's failure ends the start on all ranks at once and names it") {
  NcclMock mock(3);
  mock.script(1).results["comm_init_rank"] = {ERGON_NCCL_UNHANDLED_CUDA_ERROR};
  const auto begin = std::chrono::steady_clock::now();
  CHECK(start(mock, 3) == "4 tp: ncclCommInitRankConfig failed: unhandled cuda error: the mock's last word, on ranks 1 of 3");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  CHECK(mock.aborts(0) == 1);  // it was held up by NCCL until it heard of rank 1
  CHECK(mock.live_communicators() == 0);
}

TEST_CASE("nccl_bootstrap: a failure of the network is tried again by all, with a new id") {
  NcclMock mock(2);
  mock.script(1).results["comm_init_rank"] = {ERGON_NCCL_SYSTEM_ERROR, ERGON_NCCL_REMOTE_ERROR};
  CHECK(start(mock, 2) == "started");
  CHECK(mock.ids() == 3);
}

TEST_CASE("nccl_bootstrap: but not for ever, and nothing else is tried again") {
  {
    NcclMock mock(2);
    mock.script(0).results["comm_init_rank"] = {ERGON_NCCL_SYSTEM_ERROR, ERGON_NCCL_SYSTEM_ERROR, ERGON_NCCL_SYSTEM_ERROR};
    CHECK(start(mock, 2) ==
          "4 tp: ncclCommInitRankConfig failed: unhandled system error: the mock's last word, on ranks 0 of 2, in 3 attempts");
    CHECK(mock.ids() == 3);
  }
  NcclMock mock(2);
  mock.script(0).results["comm_init_rank"] = {ERGON_NCCL_SYSTEM_ERROR};
  mock.script(1).results["comm_init_rank"] = {ERGON_NCCL_INVALID_USAGE};
  CHECK(start(mock, 2) == "4 tp: ncclCommInitRankConfig failed: invalid usage: the mock's last word, on ranks 1 of 2");
  CHECK(mock.ids() == 1);
}

TEST_CASE("nccl_bootstrap: no unique id is everybody's error") {
  NcclMock mock(2);
  mock.script(0).results["get_unique_id"] = {ERGON_NCCL_SYSTEM_ERROR};
  CHECK(start(mock, 2) == "4 tp: ncclGetUniqueId on rank 0 failed: unhandled system error: the mock's last word");
}

TEST_CASE("nccl_bootstrap: past the limit the silent ranks are named") {
  NcclMock mock(3);
  std::vector<std::string> texts(3);
  const std::string failed = on_mock(mock, 3,
                                     [&](auto context, auto host, Failures& failures) {
                                       if (host->rank() == 2) {  // takes the id and is never heard of again
                                         host->broadcast(random_numbers(0, 0, ERGON_NCCL_ID_BYTES + 1, at::kByte), 0).wait();
                                         std::this_thread::sleep_for(std::chrono::seconds(5));
                                         return;
                                       }
                                       try {
                                         start_nccl(context, *host, "tp");
                                         failures.expect(false, "it started without rank 2");
                                       } catch (const Error& error) {
                                         texts[static_cast<std::size_t>(host->rank())] = error.problem();
                                         failures.expect(error.code() == ExitCode::stuck, "its exit code");
                                       }
                                     },
                                     {.start = {0.5}, .abort = {1}, .attempts = 2, .back_off = {0}});
  CHECK(failed == "");
  CHECK(texts[0] == "NCCL did not start within 0.5 s: nothing was heard of ranks 2");
  CHECK(texts[1] == texts[0]);
}

}  // namespace ergon
