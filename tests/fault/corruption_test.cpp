// SPDX-License-Identifier: Apache-2.0
// Damage of every file of a checkpoint, drawn at random (ERGON_CORRUPTIONS of them, each on a copy that loads as it should first): the run
// resumes from the older checkpoint to the bit, or from the damaged one where the damage touches nothing that is loaded. Damage of the
// run's own records may also end in a refusal. Nothing is loaded that was not saved, and nothing reported that was not written.
#include <sys/stat.h>
#include <utime.h>

#include <filesystem>
#include <random>

#include "accounting/ledger.hpp"
#include "tests/accounting/ledgers.hpp"
#include "tests/fault/damage.hpp"
#include "tests/fault/outcomes.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/events.hpp"
#include "trainer/run_folder.hpp"

using namespace ergon;
using test::below;
using test::damages;
using test::Random;
namespace fs = std::filesystem;

namespace {

// A run of one attempt with steps 1 and 2, saved by two writers.
const std::string& prepared() {
  static const TemporaryFolder folder;
  static const std::string run = [] {
    const std::string path = folder / "run";
    Storage storage;
    run_identity(storage, path);
    CHECK(claim_attempt(storage, path, 1));
    for (const std::int64_t step : {1, 2})
      for (const SaveResult& result : save_together(storage, path, step, 1, 2, Cut::zero)) CHECK_FALSE(result.error);
    append_lineage(storage, path, {LineageRecord::Event::abandon, 1, 3, ""});
    return path;
  }();
  return run;
}

// What happens to several files, or to names.
struct Mishap {
  const char* name;
  void (*act)(const std::string& newest, const std::string& older, Random& random);
};

void copy_over(const std::string& from, const std::string& to) { fs::copy_file(from, to, fs::copy_options::overwrite_existing); }

const Mishap mishaps[] = {
    {"shards swapped",
     [](const std::string& newest, const std::string&, Random&) {
       fs::rename(newest + "/shard_0000.h5", newest + "/x");
       fs::rename(newest + "/shard_0001.h5", newest + "/shard_0000.h5");
       fs::rename(newest + "/x", newest + "/shard_0001.h5");
     }},
    {"a shard twice",
     [](const std::string& newest, const std::string&, Random& random) {
       const std::int64_t from = below(random, 2);
       copy_over(fmt::format("{}/shard_{:04}.h5", newest, from), fmt::format("{}/shard_{:04}.h5", newest, 1 - from));
     }},
    {"a file of the older one",
     [](const std::string& newest, const std::string& older, Random& random) {
       const auto names = Storage().list(older);
       const std::string& name = names[static_cast<std::size_t>(below(random, std::ssize(names)))];
       copy_over(older + "/" + name, newest + "/" + name);
     }},
    {"under another step's name", [](const std::string& newest, const std::string&,
                                     Random&) { fs::rename(newest, newest.substr(0, newest.rfind("step_")) + "step_00000007.a0001"); }},
    {"all files of the older one",
     [](const std::string& newest, const std::string& older, Random&) {
       for (const std::string& name : Storage().list(older)) copy_over(older + "/" + name, newest + "/" + name);
     }},
    {"an extra file", [](const std::string& newest, const std::string&, Random&) { test::write_file(newest + "/shard_0002.h5", "x"); }},
    {"`latest` is stale", [](const std::string& newest, const std::string&,
                             Random&) { test::write_file(fs::path(newest).parent_path() / "latest", "step_00000001.a0001\n"); }},
    {"`latest` is rubbish", [](const std::string& newest, const std::string&,
                               Random&) { test::write_file(fs::path(newest).parent_path() / "latest", "../../etc/passwd"); }},
    {"the clock went back",
     [](const std::string& newest, const std::string&, Random&) {
       const utimbuf past = {1, 1};
       for (const auto& entry : fs::directory_iterator(newest)) CHECK(::utime(entry.path().c_str(), &past) == 0);
       CHECK(::utime(newest.c_str(), &past) == 0);
     }},
};

struct Copy {
  const TemporaryFolder scratch;
  const std::string run = scratch / "run", newest = run + "/checkpoints/step_00000002.a0001",
                    older = run + "/checkpoints/step_00000001.a0001";
  Copy() { fs::copy(prepared(), run, fs::copy_options::recursive); }
};

// What is loaded, in the table's words.
std::string outcome_of(const std::string& run) {
  test::InspectingStorage storage;
  const auto control = std::move(make_local_group(1).front());
  CheckpointLoader loader(storage, run, *control);
  try {
    if (!loader.open()) return "WRONG";  // as if the run had never saved
    const auto tensors = model({}, -1);
    loader.load(tensors);
    const std::int64_t step = loader.state().step;
    const bool exact = holds(tensors, step) && to_text(loader.state()) == to_text(state_of(step)) && (step == 1 || step == 2);
    return !exact ? "WRONG" : step == 2 ? "harmless" : "stepped back";
  } catch (const Error& error) {
    return error.code() == ExitCode::data && !error.hint().empty() ? "refused" : "WRONG";
  }
}

const std::vector<std::string> columns = {"refused", "stepped back", "harmless", "WRONG"};

// What is read of a file in which a run writes down what it did, record by record, in words. (What config.toml says is compared with the
// line that resumes, key by key.)
struct Account {
  const char* file;
  std::vector<std::string> (*read)(Storage& storage, const std::string& path);
};

const Account accounts[] = {
    {"ledger.jsonl",
     [](Storage& storage, const std::string& path) {
       std::vector<std::string> records;
       for (const LedgerLine& line : parse_ledger(storage.read_text(path), path).lines) records.push_back(format(line));
       return records;
     }},
    {"events.jsonl",
     [](Storage& storage, const std::string& path) {
       std::vector<std::string> records;
       for (const auto& [step, event] : loss_curve(storage.read_text(path), path))
         records.push_back(fmt::format("{} {} {}", step, event.loss, event.seconds));
       return records;
     }},
    {"result.json",
     [](Storage& storage, const std::string& path) {
       std::vector<std::string> records;
       if (const auto result = RunFolder(storage, parent_folder(path)).read_result())
         records.push_back(fmt::format("{} {} {} {} {} {}", static_cast<int>(result->code), result->reason, result->step, result->steps,
                                       result->attempt, *result->loss));
       return records;
     }},
};

void write_accounts(const std::string& run) {
  Storage storage;
  LineLog ledger(storage, run + "/ledger.jsonl");
  EventLog events(storage, run + "/events.jsonl");
  std::string start = format(test::attempt_start(1));
  start.pop_back();
  ledger.append(start);
  for (int step = 1; step <= 20; ++step) {
    events.step({.attempt = 1, .step = step, .loss = 5.0 / step, .tokens = 640, .valid_tokens = 640, .seconds = 0.25 * step});
    std::string line = format(test::interval(1, step - 1, step));
    line.pop_back();
    ledger.append(line);
  }
  RunFolder(storage, run).write_result({ExitCode::saved, "time is up", 20, 40, 1, 0.25, std::nullopt});
}

// In the table's words: fewer records, each as it was, are those of an older file.
std::string outcome_of(const Account& account, const std::string& path, const std::vector<std::string>& good) {
  Storage storage;
  try {
    const std::vector<std::string> records = account.read(storage, path);
    if (records == good) return "harmless";
    return records.size() < good.size() && std::equal(records.begin(), records.end(), good.begin()) ? "stepped back" : "WRONG";
  } catch (const Error& error) {
    return error.code() == ExitCode::data && !error.hint().empty() ? "refused" : "WRONG";
  }
}

}  // namespace

TEST_CASE("corruption: damage of a checkpoint is stepped back from, or harmless") {
  const int total = test::count_of("ERGON_CORRUPTIONS", 1000);
  Random random(20260731);
  const auto files = Storage().list(prepared() + "/checkpoints/step_00000002.a0001");
  test::Outcomes by_damage(columns), by_file(columns);
  for (int number = 0; number < total; ++number) {
    const Copy copy;
    CHECK(outcome_of(copy.run) == "harmless");
    const std::size_t kind = static_cast<std::size_t>(number) % (std::size(damages) + std::size(mishaps));
    std::string file = "several";
    const char* name;
    if (kind < std::size(damages)) {
      file = files[static_cast<std::size_t>(below(random, std::ssize(files)))];
      name = damages[kind].name;
      damages[kind].act(copy.newest + "/" + file, random);
    } else {
      name = mishaps[kind - std::size(damages)].name;
      mishaps[kind - std::size(damages)].act(copy.newest, copy.older, random);
    }
    CAPTURE(number, name, file);
    const std::string outcome = outcome_of(copy.run);
    CHECK((outcome == "stepped back" || outcome == "harmless"));
    by_damage.add(name, outcome);
    by_file.add(file, outcome);
  }
  by_damage.print("damage of a checkpoint");
  by_file.print("damage of the file");
  CHECK(by_damage.count("stepped back") > total / 3);
}

TEST_CASE("corruption: damage of the run's own records is never taken for a run without checkpoints") {
  const int total = test::count_of("ERGON_CORRUPTIONS", 1000) / 5;
  Random random(20260801);
  test::Outcomes outcomes(columns);
  for (int number = 0; number < total; ++number) {
    const Copy copy;
    CHECK(outcome_of(copy.run) == "harmless");
    const std::string file =
        std::vector<std::string>{"uuid", "lineage.jsonl", "checkpoints/latest"}[static_cast<std::size_t>(below(random, 3))];
    const test::Damage& damage = damages[static_cast<std::size_t>(below(random, std::ssize(damages)))];
    CAPTURE(number, file, damage.name);
    damage.act(copy.run + "/" + file, random);
    const std::string outcome = outcome_of(copy.run);
    CHECK(outcome != "WRONG");
    outcomes.add(file, outcome);
  }
  outcomes.print("damage of a run's records");
}

TEST_CASE("corruption: of what a run wrote down of itself nothing is read that was not written") {
  const int total = test::count_of("ERGON_CORRUPTIONS", 1000) / 2;
  Random random(20260802);
  const TemporaryFolder written;
  write_accounts(written.path());
  test::Outcomes outcomes(columns);
  for (int number = 0; number < total; ++number) {
    const TemporaryFolder copy;
    fs::copy(written.path(), copy.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    const Account& account = accounts[static_cast<std::size_t>(below(random, std::ssize(accounts)))];
    const test::Damage& damage = damages[static_cast<std::size_t>(below(random, std::ssize(damages)))];
    const std::string path = copy / account.file;
    Storage storage;
    const std::vector<std::string> good = account.read(storage, path);
    REQUIRE_FALSE(good.empty());
    CAPTURE(number, account.file, damage.name);
    damage.act(path, random);
    const std::string outcome = outcome_of(account, path, good);
    CHECK(outcome != "WRONG");
    outcomes.add(account.file, outcome);
  }
  outcomes.print("damage of a run's accounts");
  CHECK(outcomes.count("refused") > total / 5);
}
