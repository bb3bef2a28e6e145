// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/shared_folder.hpp"

#include <filesystem>
#include <map>
#include <mutex>

#include "tests/parallel/collective_cases.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// Each rank looks at its own folder; every rank is the first of its node where `nodes`.
std::map<int, FolderView> views(const std::vector<std::string>& folders, bool nodes) {
  std::mutex mutex;
  std::map<int, FolderView> all;
  const std::string failed = on_threads(static_cast<int>(folders.size()), [&](Communicator& world, Failures&) {
    Storage storage;
    const LocalRank local = nodes ? LocalRank{0, 1} : LocalRank{world.rank(), world.size()};
    const FolderView view = look_at_folder(world, local, storage, folders[static_cast<std::size_t>(world.rank())], {0.2});
    const std::lock_guard lock(mutex);
    all[world.rank()] = view;
  });
  CHECK(failed == "");
  return all;
}

bool is_empty(const std::string& folder) { return std::filesystem::is_empty(folder); }

}  // namespace

TEST_CASE("shared_folder: one folder for all is seen by all, and left as it was") {
  const test::TemporaryFolder folder;
  for (const auto& [rank, view] : views({folder.path(), folder.path() + "/", folder.path()}, true)) {
    INFO("rank " << rank << " " << view.problem);
    CHECK(view.path == folder.path());
    CHECK(view.sees);
    CHECK(view.is_seen);
    CHECK(view.problem.empty());
    CHECK(view.there);
    CHECK(view.free.value > 0);
  }
  CHECK(is_empty(folder.path()));
}

TEST_CASE("shared_folder: a folder that is still to be made is looked for where it will be") {
  const test::TemporaryFolder folder;
  const auto all = views({folder / "runs/new", folder / "runs/new"}, false);
  CHECK(all.at(1).path == folder.path());
  CHECK(all.at(1).sees);
  CHECK(is_empty(folder.path()));
}

TEST_CASE("shared_folder: a rank with a folder of its own neither sees nor is seen") {
  const test::TemporaryFolder shared, other;
  const auto all = views({shared.path(), other.path(), shared.path()}, true);
  CHECK_FALSE(all.at(1).sees);
  CHECK_FALSE(all.at(1).is_seen);
  CHECK(all.at(1).waited.value >= 0.2);
  CHECK(all.at(2).sees);
  CHECK(all.at(2).is_seen);
  CHECK(is_empty(other.path()));
}

TEST_CASE("shared_folder: a rank that has no such folder says so, and nothing of what is free there") {
  const test::TemporaryFolder shared;
  const auto all = views({shared.path(), shared / "nothing/here"}, true);
  CHECK(all.at(0).there);
  CHECK_FALSE(all.at(1).there);
  CHECK(all.at(1).problem.empty());
  CHECK(all.at(1).free.value == 0);
}

TEST_CASE("shared_folder: a rank that cannot write says why; when it is rank 0 nobody waits") {
  const test::TemporaryFolder folder;
  const auto other = views({folder.path(), "/proc"}, true);
  CHECK_FALSE(other.at(1).problem.empty());
  CHECK(other.at(0).problem.empty());
  const auto zero = views({"/proc", "/proc"}, true);
  CHECK_FALSE(zero.at(0).problem.empty());
  CHECK(zero.at(1).waited.value < 0.2);
  CHECK_FALSE(zero.at(1).sees);
}
