// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/rank_logs.hpp"

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

void write(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << "x";
}

}  // namespace

TEST_CASE("rank_logs: files of srun and of mpirun, by rank") {
  const test::TemporaryFolder folder;
  write(folder / "logs/job_17.0/rank_0.log");
  write(folder / "logs/job_17.0/rank_12.log");
  write(folder / "logs/job_17.0/other.log");
  write(folder / "logs/job_17.out");
  CHECK(newest_start(folder.path()) == (folder / "logs/job_17.0"));
  auto files = rank_files(folder / "logs/job_17.0");
  REQUIRE(files.size() == 2);
  CHECK(files.at(12) == std::vector<std::string>{folder / "logs/job_17.0/rank_12.log"});
  write(folder / "m/1/rank.00/stdout");
  write(folder / "m/1/rank.00/stderr");
  write(folder / "m/1/rank.11/stdout");
  files = rank_files(folder / "m");
  REQUIRE(files.size() == 2);
  CHECK(files.at(0).size() == 2);
  CHECK(files.at(11).size() == 1);
}

TEST_CASE("rank_logs: the newest start, or none") {
  const test::TemporaryFolder folder;
  CHECK(newest_start(folder.path()).empty());
  write(folder / "logs/a/rank_0.log");
  write(folder / "logs/b/rank_0.log");
  std::filesystem::last_write_time(folder / "logs/b", std::filesystem::last_write_time(folder / "logs/a") - std::chrono::hours(1));
  CHECK(newest_start(folder.path()) == (folder / "logs/a"));
}

TEST_CASE("rank_logs: the last lines of a file, however long it is") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "log";
  CHECK(last_lines(path, 3).empty());
  std::ofstream(path) << "one\ntwo\nthree\nfour";
  CHECK(last_lines(path, 2) == std::vector<std::string>{"three", "four"});
  CHECK(last_lines(path, 9).size() == 4);
  std::ofstream(path) << std::string(40'000, 'x') << "\nend\n";
  CHECK(last_lines(path, 9) == std::vector<std::string>{"end"});
}
