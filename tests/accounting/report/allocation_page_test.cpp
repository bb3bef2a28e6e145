// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/allocation_page.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

RunAllocation example() {
  AttemptAllocation row;
  row.attempt = 2;
  row.places = 6;
  row.ranks = 4;
  row.job = "7";
  row.source = AllocationSource::sacct;
  row.held = {20};
  row.seconds = {{120}, {20}, {6}, {10}, {0.5}, {4}, {8}, {40}, {31.5}};
  row.queue_wait = Seconds{90};
  row.end = EndCause::finished;
  AttemptAllocation before = row;
  before.attempt = 1;
  before.places = 4;
  before.job = "";
  before.source = AllocationSource::stamps;
  before.seconds = {};
  before.queue_wait.reset();
  RunAllocation all;
  all.attempts = {before, row};
  all.total = row.seconds;
  all.queue_wait = row.queue_wait;
  all.restarts = {{EndCause::saved_on_signal, 2}, {EndCause::died, 1}};
  return all;
}

}  // namespace

TEST_CASE("allocation page: every part with its share, which goodput it is, and why the run began again") {
  CHECK(allocation_text(example()) ==
        "\nTime of devices, allocated: 2 min 00 s (4 to 6 places, 0 to 2 idle; by the run's own clock; by Slurm's accounts (sacct))\n"
        "  useful               20.0 s   16.7 %\n"
        "  lost                  6.0 s    5.0 %\n"
        "  data wait            10.0 s    8.3 %\n"
        "  evaluation            0.5 s    0.4 %\n"
        "  checkpoint            4.0 s    3.3 %\n"
        "  start-up              8.0 s    6.7 %\n"
        "  idle                 40.0 s   33.3 %\n"
        "  unknown              31.5 s   26.2 %\n"
        "  goodput      16.7 % of time: useful / allocated\n"
        "  queue wait   1 min 30 s\n"
        "  restarts     3: 2 saved on a signal, 1 died without a word\n");
}

TEST_CASE("allocation page: places that no attempt changes are one number, and starts without an attempt are named") {
  RunAllocation all = example();
  all.attempts[0].places = 6;
  all.silent_starts = 1;
  all.uncounted_starts = 2;
  const std::string text = allocation_text(all);
  CHECK_THAT(text, Catch::Contains("(6 places, 2 idle;"));
  CHECK_THAT(text, Catch::Contains("  silent       1 start of a job came to no attempt: unknown time\n"));
  CHECK_THAT(text, Catch::Contains("  silent       2 starts of a job came to no attempt, and no figure has them\n"));
  CHECK((allocation_json(all).at("silent_starts") == 1 && allocation_json(all).at("uncounted_starts") == 2));
}

TEST_CASE("allocation page: what is not known is said") {
  RunAllocation none;
  none.attempts.emplace_back();
  none.at_least = true;
  const std::string text = allocation_text(none);
  CHECK_THAT(text, Catch::Contains("at least 0.0 s (1 places; of the ledger alone"));
  CHECK_THAT(text, Catch::Contains("goodput      nothing was allocated") && Catch::Contains("restarts     none"));
  CHECK_THAT(text, Catch::Contains(std::string("queue wait   ") + no_queue_wait));
  const auto json = allocation_json(none);
  CHECK((json.at("goodput_of_time").is_null() && json.at("queue_wait_seconds").is_null() && json.at("at_least") == true));
}

TEST_CASE("allocation page: the JSON has the parts of all and of each attempt") {
  const auto json = allocation_json(example());
  CHECK(json.at("device_seconds").at("allocated") == 120.0);
  CHECK(json.at("device_seconds").at("unknown") == 31.5);
  CHECK(json.at("goodput_of_time").get<double>() == Approx(20.0 / 120));
  CHECK(json.at("queue_wait_seconds") == 90.0);
  CHECK(json.at("restarts").dump() == R"({"saved_on_signal":2,"died":1})");
  const auto& attempts = json.at("attempts");
  CHECK((attempts.size() == 2 && !attempts[0].contains("job") && !attempts[0].contains("queue_wait_seconds")));
  CHECK((attempts[1].at("job") == "7" && attempts[1].at("source") == "sacct" && attempts[1].at("end") == "finished"));
  CHECK((attempts[1].at("held_seconds") == 20.0 && attempts[1].at("places") == 6 && attempts[1].at("ranks") == 4));
  CHECK((attempts[1].at("queue_wait_seconds") == 90.0 && attempts[1].at("device_seconds").at("idle") == 40.0));
}
