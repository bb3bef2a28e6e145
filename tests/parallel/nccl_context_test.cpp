// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_context.hpp"

#include <ATen/ops/full.h>

#include <thread>

#include "configs/error.hpp"
#include "parallel/communicator_nccl.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("nccl_context: events know order and time, and are used again") {
  NcclMock mock(1);
  CHECK(on_mock(mock, 1, [](auto context, auto, Failures& failures) {
          ErgonEvent first = nullptr;
          {
            DeviceEvent begin(context, ERGON_EVENT_TIMED), end(context, ERGON_EVENT_TIMED);
            begin.record(context->stream(Traffic::bulk));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            end.record(nullptr);
            while (!begin.done()) std::this_thread::yield();
            failures.expect(end.done() && DeviceEvent::between(begin, end).value >= 0.01, "seconds between two events");
            failures.expect(DeviceEvent::between(end, begin).value == 0, "zero when the end came first");
            first = end.get();
            const DeviceEvent moved = std::move(end);
            failures.expect(moved.get() == first && !end, "null after a move");
          }
          failures.expect(DeviceEvent(context, ERGON_EVENT_TIMED).get() != nullptr, "an event from the pool");
          failures.expect(context->stream(Traffic::bulk) != context->stream(Traffic::critical), "two streams");
        }) == "");
}

TEST_CASE("nccl_context: a failure of CUDA names the call and the device") {
  NcclMock mock(1);
  CHECK(on_mock(mock, 1, [](auto context, auto, Failures& failures) {
          try {
            context->check_device(700, "cudaEventQuery");
            failures.expect(false, "error 700 was accepted");
          } catch (const Error& error) {
            failures.expect(error.problem() == "cudaEventQuery failed: the mock's device failed" && error.where() == "device 0" &&
                                error.code() == ExitCode::world,
                            error.what());
          }
        }) == "");
}

TEST_CASE("nccl_context: a watchdog ends every communicator from its own thread, in a collective that never ends") {
  NcclMock mock(2);
  CHECK(on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
          const auto tp = make_nccl_communicator(context, host, "tp", Traffic::critical);
          const auto bulk = make_nccl_communicator(context, host, "cp-dp", Traffic::bulk);
          if (host->rank() == 1) {  // never joins the collective
            failures.expect(context->abort_all({5}), "an abort of idle communicators");
            return;
          }
          at::Tensor data = at::full({4}, 1.0);
          Work work = tp->all_reduce(data);
          bool ended = false;
          std::thread watchdog([&] { ended = context->abort_all({5}); });
          std::string text;
          try {
            while (!work.query()) std::this_thread::yield();
          } catch (const Error& error) {
            text = error.problem();
            failures.expect(error.code() == ExitCode::stuck, "its exit code");
          }
          watchdog.join();
          failures.expect(ended, "the abort ended in time");
          if (!text.empty()) failures.expect(text == "the communicators of this rank were aborted", text);
          try {
            bulk->all_reduce(data);
            failures.expect(false, "a launch after the abort");
          } catch (const Error& error) {
            failures.expect(error.problem() == "the communicators of this rank were aborted", error.what());
          }
          try {
            work.wait();
          } catch (const Error&) {
          }
        }) == "");
  CHECK(mock.aborts(0) == 2);
  CHECK(mock.aborts(1) == 2);
}

TEST_CASE("nccl_context: an abort that hangs is left behind at its deadline") {
  NcclMock mock(2);
  for (int rank : {0, 1}) mock.script(rank).abort_hangs = true;
  CHECK(on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
          const auto group = make_nccl_communicator(context, host, "tp", Traffic::critical);
          const auto start = std::chrono::steady_clock::now();
          failures.expect(!context->abort_all({0.3}), "a hung abort is reported");
          const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
          failures.expect(seconds >= 0.25 && seconds < 3, fmt::format("{} s", seconds));
        }) == "");
}

}  // namespace ergon
