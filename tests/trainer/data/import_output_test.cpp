// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import_output.hpp"

#include <filesystem>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// Ten documents of 50 tokens, written to `name` in shards of at most `tokens`; returns what data.train names, without the folder.
struct Output {
  explicit Output(int first) {
    std::filesystem::create_directories(folder / "w");
    fill(first);
  }
  void fill(int first) {
    const Spool spool(folder / "w", {}, 2, storage);
    Spool::Writer writer(spool, 0);
    for (int d = 0; d < 10; ++d) writer.add(std::vector<std::int32_t>(49, first + d), 256, {});
    writer.finish({}, {});
  }
  std::string write(const std::string& name, std::int64_t tokens) { return write(name, tokens, storage); }
  std::string write(const std::string& name, std::int64_t tokens, Storage& storage) {
    const Spool spool(folder / "w", {}, 2, storage);
    const SpooledDocuments documents(spool, {10}, {});
    moved = 0;
    const WrittenOutput written = write_output(
        ImportOutput(folder / name), folder / "w", documents, plan_shards(documents, {{2 * tokens}}, 2, 1), *make_bytes_tokenizer(),
        [](const ShardPlan&) { return "{}"; }, storage, [&](std::int64_t bytes) { moved += bytes; });
    return written.path.substr(folder.path().size() + 1);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      if (!entry.is_directory()) found.push_back(entry.path().filename().string());
    std::ranges::sort(found);
    return found;
  }

  TemporaryFolder folder;
  InspectingStorage storage;
  std::int64_t moved = 0;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("names of an output") {
  const ImportOutput store("a/t.h5"), dataset("a/t.json"), bare("t");
  CHECK(store.store == "a/t.h5");
  CHECK(store.dataset == "a/t.json");
  CHECK(store.shard_name(12) == "t-00012.h5");
  CHECK(store.work_folder() == "a/t.ingest");
  CHECK(dataset.store.empty());
  CHECK(dataset.work_folder() == "a/t.ingest");
  CHECK(bare.store == "t");
  CHECK(bare.dataset == "t.json");
}

TEST_CASE("one store where one shard suffices, else a dataset; a dataset when it is asked for") {
  Output one('a');
  CHECK(one.write("t.h5", 1000) == "t.h5");
  CHECK(one.names() == Names{"t.h5"});
  Output many('a');
  CHECK(many.write("t.h5", 150) == "t.json");
  CHECK(many.names() == Names{"t-00000.h5", "t-00001.h5", "t-00002.h5", "t-00003.h5", "t.json"});
  const Dataset dataset = read_dataset(many.folder / "t.json", many.storage);
  CHECK(dataset.documents() == 10);
  CHECK(TokenStore(store_places({many.folder / "t.json"}, many.storage)[3], many.storage).info().documents == 1);
  Output asked('a');
  CHECK(asked.write("t.json", 1000) == "t.json");
  CHECK(asked.names() == Names{"t-00000.h5", "t.json"});
}

TEST_CASE("a dataset that replaces a larger one leaves none of its shards") {
  Output output('a');
  output.write("t.json", 100);
  CHECK(output.names().size() == 6);
  output.fill('b');
  for (const std::string& name : output.storage.list(output.folder / "w"))
    if (name.ends_with(".done")) output.storage.unlink(output.folder / ("w/" + name));
  output.write("t.json", 250);
  CHECK(output.names() == Names{"t-00000.h5", "t-00001.h5", "t.json"});
  CHECK(problem_of([&] { ImportOutput(output.folder / "t.json").check(Existing::replace, output.storage); }) == "no error");
  write_file(output.folder / "t.h5", "old");
  output.write("t.h5", 250);
  CHECK(output.names() == Names{"t-00000.h5", "t-00001.h5", "t.json"});
  CHECK(read_dataset(output.folder / "t.json", output.storage).shards.size() == 2);
}

TEST_CASE("a store that replaces a dataset leaves none of it, also when an import was killed behind the removal of the list") {
  for (const bool killed : {false, true}) {
    Output output('a');
    output.write("t.json", 100);
    std::filesystem::remove(output.folder / "w/publishing");
    if (killed) {
      struct Kill {};
      struct Killing : InspectingStorage {
        void unlink(const std::string& path) override {
          if (path.ends_with("t-00000.h5")) throw Kill();
          InspectingStorage::unlink(path);
        }
      } killing;
      CHECK_THROWS_AS(output.write("t.h5", 1000, killing), Kill);
      CHECK(output.names() == Names{"t-00000.h5", "t-00001.h5", "t-00002.h5", "t-00003.h5", "t-00004.h5", "t.h5"});
    }
    output.write("t.h5", 1000);
    CHECK(output.names() == Names{"t.h5"});
  }
}

TEST_CASE("shards are not written over files that are not the dataset's, with --force neither") {
  Output output('a');
  write_file(output.folder / "t-00001.h5", "mine");
  CHECK(problem_of([&] { ImportOutput(output.folder / "t.json").check(Existing::refuse, output.storage); }) == "no error");
  CHECK(contains(problem_of([&] { output.write("t.json", 250); }, ExitCode::config), "t-00001.h5: already exists, and is no shard of "));
  CHECK(output.moved == 0);
  CHECK(output.names() == Names{"t-00001.h5"});
  CHECK(output.write("t.h5", 1000) == "t.h5");
  CHECK(output.write("t.json", 1000) == "t.json");
  CHECK(output.names() == Names{"t-00000.h5", "t-00001.h5", "t.h5", "t.json"});
  CHECK(read_file(output.folder / "t-00001.h5") == "mine");

  // A dataset that has another name now keeps its shards.
  std::filesystem::rename(output.folder / "t.json", output.folder / "v1.json");
  std::filesystem::remove(output.folder / "w/publishing");
  for (const Existing existing : {Existing::refuse, Existing::replace})
    CHECK(contains(problem_of([&] { ImportOutput(output.folder / "t.json").check(existing, output.storage); }, ExitCode::config),
                   "t-00000.h5: already exists, and is no shard of "));
  CHECK(contains(problem_of([&] { output.write("t.json", 1000); }, ExitCode::config), "t-00000.h5: already exists"));
  CHECK(read_dataset(output.folder / "v1.json", output.storage).shards.size() == 1);
}

TEST_CASE("shards that an import had moved when it was killed are its own, also when there are fewer of them now") {
  struct Kill {};
  struct Killing : InspectingStorage {
    void rename(const std::string& from, const std::string& to) override {
      if (to.ends_with("t-00003.h5") && !from.ends_with(".tmp")) throw Kill();
      InspectingStorage::rename(from, to);
    }
  } killing;
  for (const std::int64_t tokens : {100, 250}) {
    Output output('a');
    CHECK_THROWS_AS(output.write("t.json", 100, killing), Kill);
    CHECK(output.names() == Names{"t-00000.h5", "t-00001.h5", "t-00002.h5"});
    CHECK(output.write("t.json", tokens) == "t.json");
    CHECK(std::ssize(output.names()) == 1 + 500 / tokens);
    CHECK(std::ssize(read_dataset(output.folder / "t.json", output.storage).shards) == 500 / tokens);
  }
}

TEST_CASE("shards that were finished are not written again; others are") {
  Output output('a');
  output.write("t.json", 250);
  const std::string first = read_file(output.folder / "t-00000.h5"), second = read_file(output.folder / "t-00001.h5");
  for (const char* name : {"t-00000.h5", "t-00001.h5"})
    std::filesystem::rename(output.folder / name, output.folder / ("w/" + std::string(name)));
  std::filesystem::resize_file(output.folder / "w/t-00001.h5", 1000);

  output.write("t.json", 250);

  CHECK(output.moved == 2 * 2 * 250);
  CHECK(read_file(output.folder / "t-00000.h5") == first);
  CHECK(read_file(output.folder / "t-00001.h5") == second);
}

TEST_CASE("names that are taken are refused, unless it was this import that took them") {
  Output output('a');
  const auto problem = [&](const char* name, Existing existing) {
    return problem_of([&] { ImportOutput(output.folder / name).check(existing, output.storage); }, ExitCode::config);
  };
  write_file(output.folder / "t.json", "{}");
  CHECK(contains(problem("t.h5", Existing::refuse), "t.json: already exists"));
  CHECK(contains(problem("t.json", Existing::refuse), "t.json: already exists"));
  CHECK(contains(problem_of([&] { ImportOutput(output.folder / "t.h5").check(Existing::replace, output.storage); }),
                 "t.json: is not a dataset file"));
  CHECK(problem("u.h5", Existing::refuse) == "no error");
  CHECK(contains(problem("a b.json", Existing::refuse), "'a b-00000.h5' is no name for shards"));
  CHECK(problem("a b.h5", Existing::refuse) == "no error");
  CHECK(output.write("a b.h5", 1000) == "a b.h5");
  CHECK(contains(problem_of([&] { output.write("a b.h5", 100); }, ExitCode::config), "'a b-00000.h5' is no name for shards"));
  std::filesystem::create_directories(output.folder / "t.ingest");
  write_file(output.folder / "t.ingest/publishing", "");
  CHECK(problem("t.json", Existing::refuse) == "no error");
}
