// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/ingest_folder.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("a folder is held by one import at a time") {
  TemporaryFolder folder;
  Storage storage;
  std::optional<IngestFolder> held(std::in_place, folder / "a.ingest", Begin::resume, storage);
  CHECK(contains(problem_of([&] { IngestFolder second(folder / "a.ingest", Begin::resume, storage); }), "another import is at work here"));
  held.reset();
  IngestFolder third(folder / "a.ingest", Begin::resume, storage);
  third.remove();
  CHECK_FALSE(storage.exists(folder / "a.ingest"));
}

TEST_CASE("a plan is kept and compared, key by key") {
  TemporaryFolder folder;
  Storage storage;
  Digest first;
  {
    IngestFolder begun(folder / "a.ingest", Begin::resume, storage);
    CHECK_FALSE(begun.begun());
    first = begun.bind({{"--valid", 0.1}, {"--text-key", "text"}});
    CHECK(begun.begun());
  }
  IngestFolder again(folder / "a.ingest", Begin::resume, storage);
  CHECK(again.bind({{"--valid", 0.1}, {"--text-key", "text"}}) == first);
  again.bind({{"--valid", 0.1}});
  CHECK(contains(problem_of([&] { again.bind({{"--valid", 0.2}}); }, ExitCode::config), "was begun with --valid 0.1, now 0.2"));
  CHECK(contains(problem_of([&] { again.bind({{"--new", 1}}); }, ExitCode::config), "was begun with --new null, now 1"));
  write_file(folder / "a.ingest/plan.json", "{\"--valid\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}");
  CHECK(contains(problem_of([&] { again.bind({{"--valid", 0.1}}); }, ExitCode::config), "was begun with --valid null, now 0.1"));
}

TEST_CASE("what is left without a plan, or is not wanted, goes") {
  TemporaryFolder folder;
  Storage storage;
  const auto names = [&](Begin begin) {
    IngestFolder begun(folder / "a.ingest", begin, storage);
    return storage.list(begun.path());
  };
  storage.make_directories(folder / "a.ingest");
  write_file(folder / "a.ingest/unit_0000000001", "left");
  CHECK(names(Begin::resume) == std::vector<std::string>{"lock"});
  write_file(folder / "a.ingest/plan.json", "{}");
  write_file(folder / "a.ingest/unit_0000000001", "left");
  CHECK(names(Begin::resume).size() == 3);
  CHECK(names(Begin::fresh) == std::vector<std::string>{"lock"});
  write_file(folder / "a.ingest/publishing", "a-00000.h5\n");  // shards that it has moved are in their place all the same
  CHECK(names(Begin::fresh) == std::vector<std::string>{"lock", "publishing"});
  IngestFolder(folder / "a.ingest", Begin::resume, storage).remove();
  CHECK_FALSE(storage.exists(folder / "a.ingest"));
}
