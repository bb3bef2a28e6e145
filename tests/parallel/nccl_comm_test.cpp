// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_comm.hpp"

#include <ATen/ops/full.h>

#include "parallel/communicator_nccl.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

double seconds_of(const std::function<void()>& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("nccl_comm: an abort is over when its call is, or its deadline") {
  bool called = false;
  CHECK(NcclAbort([&] { called = true; }).ended_by(deadline_after({5})));
  CHECK(called);
  const double seconds = seconds_of(
      [] { CHECK_FALSE(NcclAbort([] { std::this_thread::sleep_for(std::chrono::milliseconds(400)); }).ended_by(deadline_after({0.05}))); });
  CHECK(seconds < 0.35);
}

TEST_CASE("nccl_comm: calls are polled until NCCL has taken them, within a limit") {
  NcclMock mock(1);
  const std::string failed = on_mock(
      mock, 1,
      [&](auto context, auto, Failures& failures) {
        NcclComm comm(context, "tp");
        int asked = 0;
        comm.call("ncclSlow", [&](ErgonNcclComm) { return ++asked, int{ERGON_NCCL_IN_PROGRESS}; });  // no handle: done at the first poll
        failures.expect(asked == 1, "the call itself is made once");
        const ErgonNcclId id{"one"};
        failures.expect(comm.start([&](ErgonNcclComm* made) { return context->nccl().comm_init_rank(made, 2, &id, 0, "tp"); }) ==
                            ERGON_NCCL_IN_PROGRESS,
                        "a start that waits for a second rank");
        std::string text, again;
        try {
          comm.call("ncclSlow", [](ErgonNcclComm) { return int{ERGON_NCCL_IN_PROGRESS}; });
        } catch (const Error& error) {
          text = error.what();
          failures.expect(error.code() == ExitCode::stuck, "its exit code");
        }
        failures.expect(text.find("ncclSlow did not return within 0.2 s") != std::string::npos, text);
        try {
          comm.check();
        } catch (const Error& error) {
          again = error.what();
        }
        failures.expect(again == text, "a broken communicator says the same again");
      },
      {.start = {0.2}, .abort = {1}, .attempts = 1, .back_off = {0}});
  CHECK(failed == "");
  CHECK(mock.aborts(0) == 1);
}

TEST_CASE("nccl_comm: leaving while an exception unwinds aborts instead of finalizing") {
  NcclMock mock(2);
  CHECK_THROWS_AS(on_mock(mock, 2,
                          [&](auto context, auto host, Failures&) {
                            const auto group = make_nccl_communicator(context, host, "tp", Traffic::critical);
                            host->barrier().wait();
                            throw Bug("mine");
                          }),
                  Bug);
  CHECK(mock.aborts(0) == 1);
  CHECK(mock.aborts(1) == 1);
  CHECK(mock.live_communicators() == 0);
}

}  // namespace ergon
