// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator_nccl.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <thread>

#include "configs/error.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// The body that every backend passes, on NCCL over the mock; a few polls a call, so that nothing is taken at once.
std::string same_cases(int ranks, const std::function<void(Communicator&, Failures&)>& body) {
  NcclMock mock(ranks);
  for (int rank = 0; rank < ranks; ++rank) mock.script(rank).polls = rank;
  std::string failed = on_mock(mock, ranks, [&](auto context, auto host, Failures& failures) {
    const auto group = make_nccl_communicator(context, host, "world", Traffic::critical);
    failures.expect(group->device() == at::kCPU && group->name() == "world", "a group over the mock");
    body(*group, failures);
  });
  for (const std::string& text : mock.disagreements()) failed += text + "\n";
  if (mock.live_communicators() != 0) failed += "communicators left behind\n";
  return failed;
}

std::string code_and_text(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return fmt::format("{} {}: {}", static_cast<int>(error.code()), error.where(), error.problem());
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("communicator_nccl: every collective equals a direct computation") {
  for (int ranks : {1, 2, 3, 4}) CHECK(same_cases(ranks, check_values) == "");
}

TEST_CASE("communicator_nccl: events against an independent table") {
  for (int ranks : {1, 2, 4}) CHECK(same_cases(ranks, check_events) == "");
}

TEST_CASE("communicator_nccl: many operations under way") {
  for (int ranks : {1, 2, 3, 4}) CHECK(same_cases(ranks, check_order) == "");
}

TEST_CASE("communicator_nccl: split and refusals and sums of 16-bit floats") {
  for (int ranks : {1, 2, 3, 4}) {
    CHECK(same_cases(ranks, check_split) == "");
    CHECK(same_cases(ranks, check_refusals) == "");
    CHECK(same_cases(ranks, check_ordered_sum) == "");
  }
}

TEST_CASE("communicator_nccl: launches are in one order on every rank, across groups and streams") {
  NcclMock mock(4);
  const std::string failed = on_mock(mock, 4, [](auto context, auto host, Failures& failures) {
    const Communicators groups(Mesh({.dp = 2, .pp = 1, .cp = 1, .tp = 2}), host->split(0, host->rank(), "world"), 1, context->groups());
    std::vector<Work> bulk;
    at::Tensor bucket = at::full({64}, 1.0), x = at::full({8}, 1.0), half = at::full({9}, 1.0, at::kBFloat16);
    for (int layer = 0; layer < 3; ++layer) {
      groups.tp->all_reduce(x).wait();
      bulk.push_back(groups.dp_cp->all_reduce(bucket));
      groups.tp->all_reduce(half).wait();
    }
    for (Work& work : bulk) work.wait();
    failures.expect(x.eq(8).all().item<bool>() && bucket.eq(8).all().item<bool>() && half.eq(8).all().item<bool>(), "sums over two groups");
    failures.expect(groups.host_tp->device() == at::kCPU && groups.tp != groups.host_tp, "host groups beside them");
  });
  CHECK(failed == "");
  CHECK(mock.disagreements() == std::vector<std::string>{});
  REQUIRE(mock.launches(0).size() > 6);
  std::size_t switches = 0;
  for (std::size_t i = 1; i < mock.launches(0).size(); ++i) switches += mock.launches(0)[i].group != mock.launches(0)[i - 1].group;
  CHECK(switches >= 5);
  for (int rank = 1; rank < 4; ++rank) {
    auto mine = mock.launches(rank), first = mock.launches(0);
    REQUIRE(mine.size() == first.size());
    for (std::size_t i = 0; i < mine.size(); ++i) {
      // Parts of 9 elements over 2 ranks are uneven: messages differ in size, not in place.
      if (mine[i].operation == "message") mine[i].count = first[i].count = 0;
      CHECK(mine[i] == first[i]);
    }
  }
}

TEST_CASE("communicator_nccl: wait orders the compute stream and reports later, with the device's seconds") {
  struct Recorder final : CommunicationObserver {
    void completed(const CommunicationEvent& event) override { events.push_back(event); }
    std::vector<CommunicationEvent> events;
  };
  NcclMock mock(2);
  for (int rank : {0, 1}) mock.script(rank).slow_seconds = 0.05;
  CHECK(on_mock(mock, 2, [](auto context, auto host, Failures& failures) {
          const auto group = make_nccl_communicator(context, host, "tp", Traffic::critical);
          Recorder recorder;
          group->observe(&recorder);
          at::Tensor data = at::full({4}, 1.0);
          Work work = group->all_reduce(data);
          failures.expect(!work.query(), "an operation under way");
          work.wait();
          failures.expect(data.eq(2).all().item<bool>(), "what follows wait sees the result");
          group->settle();
          failures.expect(recorder.events.size() == 1, "one event");
          const CommunicationEvent& event = recorder.events.at(0);
          failures.expect(event.seconds.value >= 0.05 && event.exposed.value > 0.03 && event.exposed.value <= event.seconds.value,
                          fmt::format("{} s, {} s exposed", event.seconds.value, event.exposed.value));
          Work hidden = group->all_reduce(data);
          std::this_thread::sleep_for(std::chrono::milliseconds(150));
          hidden.wait();
          group->observe(nullptr);
          failures.expect(
              recorder.events.size() == 2 && recorder.events.at(1).exposed.value == 0 && recorder.events.at(1).seconds.value >= 0.05,
              "an operation that ended before its wait is not exposed");
        }) == "");
}

TEST_CASE("communicator_nccl: each class of error of a launch") {
  const auto error_of = [](int result, bool usable_afterwards) {
    NcclMock mock(2);
    for (int rank : {0, 1}) mock.script(rank).results["all_reduce"] = {result};
    std::string text;
    const std::string failed = on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
      const auto group = make_nccl_communicator(context, host, "tp", Traffic::critical);
      at::Tensor data = at::full({4}, 1.0);
      const std::string first = code_and_text([&] { group->all_reduce(data).wait(); });
      const std::string second = code_and_text([&] { group->all_reduce(data).wait(); });
      failures.expect(second == (usable_afterwards ? "nothing thrown" : first), "afterwards: " + second);
      if (host->rank() == 0) text = first;
    });
    CHECK(failed == "");
    CHECK(mock.aborts(0) == (usable_afterwards ? 0 : 1));
    CHECK(mock.live_communicators() == 0);
    return text;
  };
  CHECK(error_of(ERGON_NCCL_INVALID_ARGUMENT, true) == "5 tp: ncclAllReduce failed: invalid argument: the mock's last word");
  CHECK(error_of(ERGON_NCCL_UNHANDLED_CUDA_ERROR, false) == "5 tp: ncclAllReduce failed: unhandled cuda error: the mock's last word");
  CHECK(error_of(ERGON_NCCL_SYSTEM_ERROR, false) == "5 tp: ncclAllReduce failed: unhandled system error: the mock's last word");
  CHECK(error_of(ERGON_NCCL_INTERNAL_ERROR, false) == "5 tp: ncclAllReduce failed: internal error: the mock's last word");
  CHECK(error_of(ERGON_NCCL_INVALID_USAGE, false) == "5 tp: ncclAllReduce failed: invalid usage: the mock's last word");
  CHECK(error_of(ERGON_NCCL_REMOTE_ERROR, false) == "5 tp: ncclAllReduce failed: remote process exited: the mock's last word");
}

TEST_CASE("communicator_nccl: an error that comes later is found by polling") {
  NcclMock mock(2);
  CHECK(on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
          const auto group = make_nccl_communicator(context, host, "cp-dp", Traffic::bulk);
          at::Tensor data = at::full({4}, 1.0);
          group->all_reduce(data).wait();
          host->barrier().wait();
          mock.script(host->rank()).async_error = ERGON_NCCL_REMOTE_ERROR;
          const std::string text = code_and_text([&] { group->settle(), group->all_reduce(data).wait(); });
          failures.expect(text == "5 cp-dp: a collective under way failed: remote process exited: the mock's last word" ||
                              text == "5 cp-dp: ncclAllReduce failed: remote process exited: the mock's last word",
                          text);
          host->barrier().wait();
          mock.script(host->rank()).async_error = ERGON_NCCL_SUCCESS;
        }) == "");
}

TEST_CASE("communicator_nccl: a group of messages is ended although one of them fails") {
  NcclMock mock(2);
  for (int rank : {0, 1}) mock.script(rank).results["recv"] = {ERGON_NCCL_INVALID_ARGUMENT};
  CHECK(on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
          const auto group = make_nccl_communicator(context, host, "cp", Traffic::critical);
          const at::Tensor input = at::full({4}, 1.0 + host->rank());
          at::Tensor output = at::zeros({4});
          failures.expect(code_and_text([&] { group->ring_shift(output, input).wait(); }) ==
                              "5 cp: ncclSend and ncclRecv failed: invalid argument: the mock's last word",
                          "a failing receive");
          group->all_reduce(output).wait();
          failures.expect(output.eq(0).all().item<bool>(), "the group of calls was closed and the next collective runs");
        }) == "");
}

TEST_CASE("communicator_nccl: two ranks that send to each other first stand still, unless both messages are started together") {
  NcclMock mock(2);
  CHECK(on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
          const auto group = make_nccl_communicator(context, host, "pp", Traffic::critical);
          const int other = 1 - host->rank();
          const at::Tensor mine = at::full({4}, 1.0 + host->rank());
          at::Tensor theirs = at::zeros({4});
          std::vector<Work> both = group->start_together({{Collective::send, mine, other}, {Collective::recv, theirs, other}});
          for (Work& work : both) work.wait();
          failures.expect(theirs.eq(1.0 + other).all().template item<bool>(), "what the other sent");
          {
            Work sent = group->send(mine, other), got = group->recv(theirs, other);
            failures.expect(!sent.query() && !got.query(), "neither arrives at once");
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            failures.expect(!sent.query() && !got.query(), "nor later");
            host->barrier().wait();
            context->abort_all({5});
            failures.expect(code_and_text([&] { got.query(); }).starts_with("5 "), "until they are aborted");
          }
        }) == "");
  const std::vector<std::string> expected = {"pp {send 4 to 1, recv 4 from 1}",
                                             "wait pp {send 4 to 1, recv 4 from 1}",
                                             "wait pp {send 4 to 1, recv 4 from 1}",
                                             "pp send 4 to 1",
                                             "pp recv 4 from 1",
                                             "wait pp recv 4 from 1",
                                             "wait pp send 4 to 1"};
  CHECK(mock.trace(0) == expected);
}

TEST_CASE("communicator_nccl: what is no user's fault is a Bug") {
  NcclMock mock(1);
  CHECK(on_mock(mock, 1, [](auto context, auto host, Failures& failures) {
          bool refused = false;
          std::thread other([&] {
            try {
              make_nccl_communicator(context, host, "tp", Traffic::critical);
            } catch (const Bug&) {
              refused = true;
            }
          });
          other.join();
          failures.expect(refused, "a second thread launches");
        }) == "");
}

}  // namespace ergon
