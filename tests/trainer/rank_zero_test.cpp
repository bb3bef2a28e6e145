// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_zero.hpp"

#include <atomic>
#include <mutex>

#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("one rank works, all have the answer") {
  std::mutex mutex;
  std::vector<std::string> answers;
  int calls = 0;
  run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
    const std::string answer = on_rank_zero(*world, [&] {
      ++calls;
      return std::string("answers with \0 and \" and \xff", 26);
    });
    const std::lock_guard lock(mutex);
    answers.push_back(answer);
  });
  CHECK(calls == 1);
  REQUIRE(answers.size() == 3);
  for (const std::string& answer : answers) CHECK(answer == std::string("answers with \0 and \" and \xff", 26));
}

TEST_CASE("an empty answer travels too") {
  run_local_ranks(2, [](std::unique_ptr<Communicator> world) {
    if (!on_rank_zero(*world, [] { return std::string(); }).empty()) throw std::runtime_error("not empty");
  });
}

TEST_CASE("an error of rank 0 is thrown on every rank, whole") {
  std::mutex mutex;
  int agreed = 0;
  run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
    try {
      on_rank_zero(*world, []() -> std::string { throw Error("no such thing", "here", "do that", ExitCode::data); });
    } catch (const AgreedError& error) {
      const std::lock_guard lock(mutex);
      agreed +=
          error.problem() == "no such thing" && error.where() == "here" && error.hint() == "do that" && error.code() == ExitCode::data;
    }
  });
  CHECK(agreed == 3);
}

TEST_CASE("an error about a name that is not UTF-8 reaches every rank") {
  std::atomic<int> agreed = 0;
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    try {
      on_rank_zero(*world, []() -> std::string { throw Error("no such thing", "folder \xff", ""); });
    } catch (const AgreedError& error) {
      agreed += error.where() == "folder \xef\xbf\xbd";  // U+FFFD
    }
  });
  CHECK(agreed == 2);
}

TEST_CASE("bytes of rank 0 come to every rank in messages of any size") {
  std::atomic<int> equal = 0;
  for (const std::int64_t message : {1, 3, 5, 100})
    run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
      std::string bytes = world->rank() == 0 ? "bytes" : "other", none;
      share_bytes(*world, std::as_writable_bytes(std::span(bytes)), {message});
      share_bytes(*world, std::as_writable_bytes(std::span(none)), {message});
      equal += bytes == "bytes";
    });
  CHECK(equal == 4 * 2);
}
