// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/lineage.hpp"

#include <atomic>
#include <thread>

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/crc32c.hpp"

using namespace ergon;
using Event = LineageRecord::Event;

TEST_CASE("of those who claim a number at once one gets it, and none is used again") {
  const TemporaryFolder run;
  std::atomic<int> claimed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Storage storage;
      for (int number = 1; number <= 6; ++number) claimed += claim_attempt(storage, run.path(), number) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(claimed == 6);
  Storage storage;
  CHECK(newest_attempt(storage, run.path()) == 6);
  storage.remove_directory(run / "attempts/a0003");
  storage.make_directory(run / "attempts/a99999999999999999999");
  storage.make_directory(run / "attempts/a0007x");
  CHECK(newest_attempt(storage, run.path()) == 6);
  CHECK(newest_attempt(storage, run / "none") == 0);
  CHECK(error_of([&] {
          storage.write_text(run / "attempts2", "");
          claim_attempt(storage, run / "attempts2", 1);
        }) == "mkdir failed: Not a directory @ " + (run / "attempts2/attempts"));
}

TEST_CASE("a run has one uuid") {
  const TemporaryFolder run;
  Storage storage;
  const std::string uuid = run_identity(storage, run / "a");
  CHECK(uuid.size() == 32);
  CHECK(run_identity(storage, run / "a") == uuid);
  CHECK(run_identity(storage, run / "b") != uuid);
  storage.write_text(run / "a/uuid", "garbage");
  CHECK(error_of([&] { run_identity(storage, run / "a"); }) == "this is not the uuid of a run @ " + (run / "a/uuid"));
}

TEST_CASE("the worked example: a resume from an earlier step leaves the later ones behind") {
  const Lineage lineage{{{Event::resume, 2, 200, "u"}}, 0};
  CHECK(lineage.contains({"", 100, 1}));
  CHECK(lineage.contains({"", 200, 1}));
  CHECK_FALSE(lineage.contains({"", 300, 1}));
  CHECK(lineage.contains({"", 250, 2}));
  CHECK(lineage.contains({"", 300, 3}));
}

TEST_CASE("what was abandoned is out, up to its attempt and from its step") {
  const Lineage lineage{{{Event::abandon, 3, 1001, ""}}, 0};
  CHECK(lineage.contains({"", 1000, 3}));
  CHECK_FALSE(lineage.contains({"", 1001, 3}));
  CHECK_FALSE(lineage.contains({"", 1200, 2}));
  CHECK(lineage.contains({"", 1200, 4}));
}

TEST_CASE("records are appended and read back; a torn last line is ignored, counted and cut") {
  const TemporaryFolder run;
  Storage storage;
  CHECK(read_lineage(storage, run.path()).records.empty());
  const LineageRecord first{Event::resume, 2, 200, "abc"}, second{Event::abandon, 2, 150, ""}, third{Event::resume, 3, 140, "def"};
  append_lineage(storage, run.path(), first);
  append_lineage(storage, run.path(), second);
  const std::string path = run / "lineage.jsonl";
  const auto with_checksum = [](const std::string& line) { return line + ",\"crc32c\":\"" + crc32c_text(crc32c(line)) + "\"}\n"; };
  CHECK(storage.read_text(path) == with_checksum(R"({"event":"resume","attempt":2,"from_step":200,"uuid":"abc")") +
                                       with_checksum(R"({"event":"abandon","attempt":2,"from_step":150)"));
  storage.append(storage.open_append(path), R"({"event":"resu)");
  Lineage lineage = read_lineage(storage, run.path());
  CHECK(lineage.torn_lines == 1);
  CHECK(lineage.records == std::vector{first, second});
  append_lineage(storage, run.path(), third);
  lineage = read_lineage(storage, run.path());
  CHECK(lineage.torn_lines == 0);
  CHECK(lineage.records == std::vector{first, second, third});
}

TEST_CASE("returns carry what they pass over, read back, and are forgotten by a restart") {
  const TemporaryFolder run;
  Storage storage;
  const LineageRecord first{Event::abandon, 1, 101, "", SampleRange{800, 960}}, second{Event::abandon, 2, 201, "", SampleRange{1600, 1601}};
  append_lineage(storage, run.path(), first);
  append_lineage(storage, run.path(), {Event::resume, 2, 100, "u"});
  append_lineage(storage, run.path(), {Event::abandon, 2, 150, ""});  // given up by hand: no return
  append_lineage(storage, run.path(), second);
  Lineage lineage = read_lineage(storage, run.path());
  CHECK(lineage.records.front() == first);
  CHECK(lineage.returns() == std::vector<SampleRange>{{800, 960}, {1600, 1601}});
  CHECK_FALSE(lineage.contains({"", 101, 1}));
  append_lineage(storage, run.path(), {Event::abandon, 2, 0, ""});
  CHECK(read_lineage(storage, run.path()).returns().empty());
  append_lineage(storage, run.path(), first);
  CHECK(read_lineage(storage, run.path()).returns() == std::vector<SampleRange>{{800, 960}});
  storage.write_text(run / "lineage.jsonl", R"({"event":"abandon","attempt":1,"from_step":2,"skip":[5,5]})"
                                            "\n");
  CHECK(contains(error_of([&] { read_lineage(storage, run.path()); }), "an empty range of samples is skipped"));
}

TEST_CASE("a record that was changed is an error, not another record") {
  const TemporaryFolder run;
  Storage storage;
  append_lineage(storage, run.path(), {Event::abandon, 1, 5, ""});
  const std::string path = run / "lineage.jsonl", line = storage.read_text(path);
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    storage.write_text(path, changed);
    CAPTURE(changed);
    try {
      const Lineage read = read_lineage(storage, run.path());
      CHECK(read.records == std::vector{LineageRecord{Event::abandon, 1, 5, ""}});
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
    }
  }
  storage.write_text(path, line.substr(0, line.find("5")) + "6" + line.substr(line.find("5") + 1));
  CHECK(error_of([&] { read_lineage(storage, run.path()); }) == "the checksum of this record does not match @ " + path + ":1");
}

TEST_CASE("a torn or unknown line in the middle is an error that names the line") {
  const TemporaryFolder run;
  Storage storage;
  storage.write_text(run / "lineage.jsonl", "{\"event\":\"abandon\",\"attempt\":1,\"from_step\":5}\n{\"event\":\n{}\n");
  CHECK(contains(error_of([&] { read_lineage(storage, run.path()); }), "lineage.jsonl:2"));
  storage.write_text(run / "lineage.jsonl", "{\"event\":\"merge\",\"attempt\":1,\"from_step\":5}\n");
  CHECK(error_of([&] { read_lineage(storage, run.path()); }) == "the event 'merge' is unknown @ " + (run / "lineage.jsonl:1"));
}

TEST_CASE("a lineage killed at any call of an append is whole afterwards") {
  for (int at = 1; at < 30; ++at) {
    const TemporaryFolder run;
    Storage good;
    append_lineage(good, run.path(), {Event::abandon, 1, 5, ""});
    FaultyStorage faulty(Fault::kill_half, at);
    bool killed = false;
    try {
      append_lineage(faulty, run.path(), {Event::abandon, 2, 4, ""});
    } catch (const Killed&) {
      killed = true;
    }
    const std::size_t records = read_lineage(good, run.path()).records.size();
    CHECK((records == 1 || records == 2));
    if (!killed) CHECK(records == 2);
    append_lineage(good, run.path(), {Event::abandon, 3, 3, ""});
    CHECK(read_lineage(good, run.path()).records.size() == records + 1);
    if (!killed) break;
    REQUIRE(at < 29);
  }
}
