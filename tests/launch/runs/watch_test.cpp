// SPDX-License-Identifier: Apache-2.0
// The line of `ergon watch`; the screen itself is tests/e2e/watch_test.py.
#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::printed;
using test::refusal_of;

TEST_CASE("ergon watch --once prints one screen; without a terminal it says what does without one") {
  const test::TemporaryFolder run;
  const std::string folder = run.path();
  test::write_file(run / "config.toml", "[data]\ntrain = \"t.h5\"\n[train]\nsteps = 50\n");
  test::write_file(run / "events.jsonl",
                   "{\"event\":\"attempt\",\"attempt\":1,\"from_step\":0,\"ranks\":2,\"mesh\":\"dp=2\"}\n"
                   "{\"event\":\"step\",\"attempt\":1,\"step\":1,\"loss\":2.5}\n");
  const std::string text = printed(command_watch, "watch", {folder, "--once"});
  for (const char* part :
       {folder.c_str(), "broken", "ended without a result", "step 1/50", "loss 2.5000", "ranks 2 (dp=2) in the newest attempt"}) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find(" \n") == std::string::npos);

  const auto refused = refusal_of(command_watch, "watch", {folder});
  REQUIRE(refused);
  CHECK(refused->code() == ExitCode::config);
  CHECK(refused->problem() == "this needs a terminal, and standard input or output is none");
  CHECK(refused->hint().find("ergon status RUN") != std::string::npos);
}

TEST_CASE("ergon watch refuses what is no run and no number of seconds") {
  for (const char* every : {"0", "-1", "1e9", "nan"})
    CHECK(refusal_of(command_watch, "watch", {"/tmp", "--once", "--every", every})->where() == "--every");
  const auto missing = refusal_of(command_watch, "watch", {"/nowhere/run", "--once"});
  CHECK(missing->code() == ExitCode::data);
  CHECK(missing->problem() == "there is no such run folder");
}
