// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_finding.hpp"

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planted_job;
using test::told;

TEST_CASE("job_finding: ranks with the same finding share one, and what is about all names none") {
  const auto ranks = planted_job(5, 1).ranks;
  const auto odd = about_each(ranks, [](const RankFacts& rank) -> std::optional<Finding> {
    if (rank.rank % 2 == 0) return std::nullopt;
    return Finding{"x", Condition::poor, "odd", "cure"};
  });
  REQUIRE(odd.size() == 1);
  CHECK(told(odd) == "poor x [1,3]: odd");
  const auto each = about_each(ranks, [](const RankFacts& rank) -> std::optional<Finding> {
    return Finding{"x", Condition::note, rank.rank < 4 ? std::string("low") : std::string("high"), ""};
  });
  CHECK(told(each, 0) == "note x [0,1,2,3]: low");
  CHECK(told(each, 1) == "note x [4]: high");
  CHECK(told(about_each(ranks, [](const RankFacts&) -> std::optional<Finding> {
          return Finding{"x", Condition::good, "all", ""};
        })) == "good x: all");
}

TEST_CASE("job_finding: figures that differ a little are one finding, verdicts that differ are not") {
  const auto ranks = planted_job(4, 1).ranks;
  const auto findings = about_each_kind(ranks, [](const RankFacts& rank) -> std::vector<Finding> {
    return {{"memory", rank.rank == 2 ? Condition::poor : Condition::good, fmt::format("{} GiB", rank.rank), ""}};
  });
  REQUIRE(findings.size() == 2);
  CHECK(told(findings, 0) == "good memory [0,1,3]: 0 GiB");
  CHECK(told(findings, 1) == "poor memory [2]: 2 GiB");
  CHECK(worst(findings) == Condition::poor);
  CHECK(worst({}) == Condition::good);
}

TEST_CASE("job_finding: ranks in words, and by a text") {
  CHECK(ranks_text({2}) == "rank 2");
  CHECK(ranks_text({0, 1, 2, 5}) == "ranks 0-2,5");
  const auto groups = ranks_by(planted_job(4, 2).ranks, [](const RankFacts& rank) { return rank.host; });
  REQUIRE(groups.size() == 2);
  CHECK(groups[1].text == "node1");
  CHECK(groups[1].ranks == std::vector<int>{2, 3});
}
