// SPDX-License-Identifier: Apache-2.0
// The power is cut after every operation of an import: of one store, and of shards with the file that lists them. What is left is whole or
// not there, and the same line goes on from it to the same bytes; a shard that was finished is not made again.
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/fault/good_state.hpp"
#include "tests/fault/import_corpus.hpp"
#include "tests/fault/replay.hpp"
#include "trainer/data/dataset_file.hpp"

using namespace ergon;
using test::Corpus;
using test::Replay;

namespace {

// The dataset of this uuid is "whole" when every byte of its shards is right, otherwise it is "another".
std::string look_at_dataset(const std::string& folder, const std::string& uuid) {
  UnsyncedStorage storage;
  const std::string path = folder + "/tokens.json";
  if (!storage.exists(path)) return "nothing";
  for (const StorePlace& place : store_places({path}, storage)) TokenStore(place, storage).verify();
  return read_dataset(path, storage).uuid() == uuid ? "whole" : "another";
}

// Shards in the work folder whose record is whole.
int shards_done(const std::string& folder) {
  Storage storage;
  const std::string work = folder + "/tokens.ingest";
  int done = 0;
  for (int shard = 0; shard < 3; ++shard) {
    const std::string path = fmt::format("{}/tokens-{:05}.h5", work, shard), record = path + ".done";
    done += storage.exists(path) && storage.exists(record) && nlohmann::json::accept(storage.read_text(record));
  }
  return done;
}

// What is there, then how the same line goes on.
std::string look_at_import(const ImportOptions& options, const std::string& uuid) {
  const std::string folder = parent_folder(options.output);
  const std::string before = look_at_dataset(folder, uuid);
  const int done = shards_done(folder);
  UnsyncedStorage storage;
  try {
    import_text(options, storage);
  } catch (const Error& error) {
    if (before != "whole" || error.problem() != "already exists") return before + ", then " + error.problem();
    return before;
  }
  if (look_at_dataset(folder, uuid) != "whole") return before + ", then not";
  if (storage.list(folder).size() != 4) return before + ", something is left over";
  return fmt::format("{}, {} done", before, done);
}

// How many shards are done for good after `done` operations: their records are synced, and none has moved to its place.
int synced_shards(const std::vector<test::Operation>& operations, int done) {
  int shards = 0;
  for (int i = 0; i + 2 <= done; ++i) {
    const test::Operation& operation = operations[static_cast<std::size_t>(i)];
    if (operation.to.ends_with("/publishing")) return 0;
    shards += operation.kind == test::Operation::Kind::rename && operation.to.ends_with(".done");
  }
  return shards;
}

// Whether no shard is lost that was done for good.
bool keeps_shards(const std::string& seen, int shards) {
  for (int number = shards; number <= 3; ++number)
    if (seen.ends_with(fmt::format(", {} done", number))) return true;
  return false;
}

}  // namespace

TEST_CASE("replay: an import") {
  const TemporaryFolder scratch;
  std::string hash;
  const std::string path = scratch / "tokens.h5";
  Replay replay(scratch.path(), [&](const std::string& folder) { return look_at_store(folder + "/tokens.h5", hash); });
  hash = import_into(path, replay.storage(), 10, Existing::refuse);
  const int done_at = replay.storage().done();
  replay.check("an import", [&](const std::string& seen, int done) { return seen == "whole" || (done < done_at && seen == "nothing"); });
}

TEST_CASE("replay: an import in place of another") {
  const TemporaryFolder scratch;
  test::InspectingStorage plain;
  const std::string path = scratch / "tokens.h5";
  import_into(path, plain, 7, Existing::refuse);
  std::string hash;
  Replay replay(scratch.path(), [&](const std::string& folder) { return look_at_store(folder + "/tokens.h5", hash); });
  hash = import_into(path, replay.storage(), 10, Existing::replace);
  const int done_at = replay.storage().done();
  replay.check("an import over another",
               [&](const std::string& seen, int done) { return seen == "whole" || (done < done_at && seen == "another"); });
}

TEST_CASE("replay: an import into shards") {
  const TemporaryFolder scratch;
  const Corpus corpus('a');
  std::string uuid;
  Replay replay(scratch.path(), [&](const std::string& folder) { return look_at_import(corpus.options(folder), uuid); });
  const ImportSummary summary = import_text(corpus.options(scratch.path()), replay.storage());
  CHECK(summary.shards == 3);
  uuid = summary.store.uuid;
  const auto& operations = replay.storage().operations();
  const int end = replay.storage().done();
  replay.check("an import into shards", [&](const std::string& seen, int done) {
    if (seen.rfind("whole", 0) == 0) return !contains(seen, "then") && !contains(seen, "left over");
    return done < end && seen.rfind("nothing, ", 0) == 0 && keeps_shards(seen, synced_shards(operations, done));
  });
}

TEST_CASE("replay: an import into shards in place of another") {
  const TemporaryFolder scratch;
  const Corpus corpus('a'), another('p');
  test::InspectingStorage plain;
  import_text(another.options(scratch.path()), plain);
  std::string uuid;
  Replay replay(scratch.path(), [&](const std::string& folder) { return look_at_import(corpus.options(folder, Existing::replace), uuid); });
  uuid = import_text(corpus.options(scratch.path(), Existing::replace), replay.storage()).store.uuid;
  const auto& operations = replay.storage().operations();
  const int end = replay.storage().done();
  replay.check("an import over shards", [&](const std::string& seen, int done) {
    if (seen.rfind("whole, ", 0) == 0) return seen.ends_with(" done");
    const bool may_be = seen.rfind("another, ", 0) == 0 || seen.rfind("nothing, ", 0) == 0;
    return done < end && may_be && keeps_shards(seen, synced_shards(operations, done));
  });
}
