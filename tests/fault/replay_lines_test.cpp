// SPDX-License-Identifier: Apache-2.0
// The power is cut after every operation on the files that only grow, events and ledger, where they cross from page to page: lines that
// were synced stay, and nothing but whole lines of those that were written is there when the file is opened again.
#include "tests/fault/good_state.hpp"
#include "tests/fault/replay.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/line_log.hpp"

using namespace ergon;
using test::Replay;

namespace {

std::string line(int number) {
  return fmt::format("{{\"n\":{},\"text\":\"{}\"}}", number, std::string(1500, static_cast<char>('a' + number % 26)));
}

std::string lines(int count) {
  std::string text;
  for (int number = 0; number < count; ++number) text += line(number) + "\n";
  return text;
}

// "5 lines", when the file holds so many of the lines in order and a next one goes behind them, or "nothing".
std::string look_at_lines(const std::string& path) {
  UnsyncedStorage storage;
  if (!storage.exists(path)) return "nothing";
  LineLog log(storage, path);
  const std::string text = storage.read_text(path);
  int count = 0;
  while (lines(count).size() < text.size()) ++count;
  if (text != lines(count)) return "OTHER LINES";
  log.append(line(count));
  return storage.read_text(path) == lines(count + 1) ? fmt::format("{} lines", count) : "the next line is lost";
}

// Whether at least `least` and at most `most` lines are there.
bool between(const std::string& seen, int least, int most) {
  for (int count = least; count <= most; ++count)
    if (seen == fmt::format("{} lines", count)) return true;
  return least == 0 && seen == "nothing";
}

}  // namespace

TEST_CASE("replay: lines of events, synced now and then") {
  const TemporaryFolder scratch;
  Replay replay(scratch.path(), [](const std::string& folder) { return look_at_lines(folder + "/events.jsonl"); });
  std::vector<std::pair<int, int>> synced = {{0, 0}};  // after so many operations so many lines
  LineLog log(replay.storage(), scratch / "events.jsonl");
  for (int number = 0; number < 12; ++number) {
    log.append(line(number));
    if (number % 4 != 3) continue;
    log.sync();
    synced.push_back({replay.storage().done(), number + 1});
  }
  replay.check("events", [&](const std::string& seen, int done) {
    int least = 0;
    for (const auto& [operations, count] : synced)
      if (done >= operations) least = count;
    return between(seen, least, 12);
  });
}

TEST_CASE("replay: a torn line is cut, and lines go behind it") {
  const TemporaryFolder scratch;
  test::write_file(scratch / "ledger.jsonl", lines(2) + std::string(6000, 'x'));
  Replay replay(scratch.path(), [](const std::string& folder) { return look_at_lines(folder + "/ledger.jsonl"); });
  LineLog log(replay.storage(), scratch / "ledger.jsonl");
  CHECK(log.torn_lines() == 1);
  std::vector<int> synced;
  for (int number = 2; number < 8; ++number) {
    log.append(line(number));
    if (number % 3 != 1) continue;
    log.sync();
    synced.push_back(replay.storage().done());
  }
  replay.check("lines behind a torn one", [&](const std::string& seen, int done) {
    return between(seen, done >= synced.at(1) ? 8 : done >= synced.at(0) ? 5 : 2, 8);
  });
}

TEST_CASE("replay: a record of a lineage that lies on two pages, where a torn one was") {
  const TemporaryFolder scratch;
  test::InspectingStorage plain;
  const LineageRecord record{LineageRecord::Event::abandon, 1, 7, ""};
  const std::string path = scratch / "lineage.jsonl";
  append_lineage(plain, scratch.path(), record);
  const std::int64_t length = plain.size(path);
  const int before = static_cast<int>(4096 / length);  // the next record lies on two pages
  for (int number = 1; number < before; ++number) append_lineage(plain, scratch.path(), record);
  plain.append(plain.open_append(path), std::string(static_cast<std::size_t>(length) + 40, 'x'));  // a torn one, on both
  Replay replay(scratch.path(), [&](const std::string& folder) {
    UnsyncedStorage storage;
    append_lineage(storage, folder, {LineageRecord::Event::abandon, 1, 9, ""});
    const Lineage lineage = read_lineage(storage, folder);
    const auto& last = lineage.records.back();
    return fmt::format("{} records, {}", lineage.records.size() - 1, last.from_step == 9 ? "and another" : "the next is lost");
  });
  append_lineage(replay.storage(), scratch.path(), record);
  const int end = replay.storage().done();
  replay.check("lineage across pages", [&](const std::string& seen, int done) {
    return seen == fmt::format("{} records, and another", before + 1) ||
           (done < end && seen == fmt::format("{} records, and another", before));
  });
}
