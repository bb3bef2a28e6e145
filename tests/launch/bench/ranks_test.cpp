// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/ranks.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

const char* nothing(const char*) { return nullptr; }
const char* two_ranks(const char* name) { return std::string_view(name) == "OMPI_COMM_WORLD_SIZE" ? "2" : nullptr; }

}  // namespace

TEST_CASE("lists of counts are increasing numbers") {
  CHECK(parse_counts("2,4", "--ranks", 2) == std::vector<std::int64_t>{2, 4});
  CHECK(parse_counts("64", "--lengths", 1) == std::vector<std::int64_t>{64});
  for (const char* wrong : {"", "1,2", "4,2", "2,2", "2,", ",2", "2;4", "two", "2 4", "2,4x"})
    CHECK_THROWS_WITH(parse_counts(wrong, "--ranks", 2), Catch::Contains("no list of increasing numbers of at least 2"));
}

TEST_CASE("ranks are started by mpirun, and every reason why not has its way out") {
  const Launcher good{"/usr/bin/mpirun", true, true};
  CHECK(find_rank_starter(good, nothing).mpirun == "/usr/bin/mpirun");
  CHECK(find_rank_starter({"/usr/bin/mpirun", false, false}, nothing).mpirun == "/usr/bin/mpirun");
  CHECK_THROWS_WITH(find_rank_starter({"", false, false}, nothing), Catch::Contains("not on PATH"));
  CHECK_THROWS_WITH(find_rank_starter({"/usr/bin/mpirun", true, false}, nothing), Catch::Contains("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"));
  CHECK_THROWS_WITH(find_rank_starter(good, two_ranks), Catch::Contains("leave mpirun out of the line"));
  try {
    find_rank_starter({}, nothing);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::world);
  }
}

TEST_CASE("what is not an answer is an error, and so are ranks that fail") {
  CHECK_THROWS_WITH(run_bench_ranks({"/bin/echo"}, 2, "communication", {{"bytes", 4}}), Catch::Contains("2 ranks answered no JSON"));
  CHECK_THROWS_WITH(run_bench_ranks({"/bin/false"}, 2, "communication", {{"bytes", 4}}), Catch::Contains("exited with 1"));
}

TEST_CASE("the machine of a result: processor and usable cores") {
  CHECK_FALSE(bench_machine().at("cpu").get<std::string>().empty());
  CHECK(bench_machine().at("cores").get<std::int64_t>() == usable_cores());
}
