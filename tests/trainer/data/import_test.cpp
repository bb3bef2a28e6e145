// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import.hpp"

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/trainer/data/compressed_files.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string english(int paragraphs) {
  const char* words[] = {"the",        "work", "done",  "by",  "a",  "machine", "is",  "counted", "in",
                         "operations", "and",  "every", "one", "of", "them",    "has", "a",       "price"};
  std::string text;
  for (int p = 0; p < paragraphs; ++p) {
    for (int w = 0; w < 20 + p % 13; ++w) text += std::string(words[(p * 3 + w * w + w) % 18]) + (w % 9 == 8 ? ".\n" : " ");
    text += std::to_string(p) + "\n\n";
  }
  return text;
}

ImportOptions options_for(const TemporaryFolder& folder, const std::string& output) {
  ImportOptions options;
  options.documents.inputs = {folder / "in.txt"};
  options.documents.rule = DocumentRule::blank_line;
  options.output = folder / output;
  options.splits.validation = 0.2;
  options.splits.test = 0.1;
  return options;
}

}  // namespace

TEST_CASE("an output inside an input folder is refused: the next import would read it") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  std::filesystem::create_directories(folder / "corpus/deep");
  write_file(folder / "corpus/in.txt", english(5));
  ImportOptions options = options_for(folder, "corpus/deep/a.h5");
  options.documents.inputs = {folder / "corpus/"};
  CHECK(contains(problem_of([&] { import_text(options, storage); }, ExitCode::config), "lies inside the input folder"));
  options.output = folder / "corpus-a.h5";
  CHECK(problem_of([&] { import_text(options, storage); }) == "no error");
}

TEST_CASE("import gives a store that decodes to the text, with the splits asked for") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "in.txt", english(500));

  const ImportSummary summary = import_text(options_for(folder, "a.h5"), storage);

  const TokenStore store(folder / "a.h5", storage);
  CHECK(summary.store.documents == 500);
  CHECK(summary.files == 1);
  CHECK(summary.store.tokens == summary.text.value + 500);
  // Binomial with n = 500: standard deviations 9 and 7.
  CHECK(std::abs(summary.documents[1] - 100) < 40);
  CHECK(std::abs(summary.documents[2] - 50) < 30);
  CHECK(summary.documents[0] + summary.documents[1] + summary.documents[2] == 500);
  CHECK(summary.tokens[0] + summary.tokens[1] + summary.tokens[2] == summary.store.tokens);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(store.info().tokens));
  store.read(0, ids);
  std::string expected = english(500);
  for (std::size_t at; (at = expected.find("\n\n")) != std::string::npos;) expected.erase(at, 1);
  CHECK(store.tokenizer()->decode(ids) == expected);
  const auto sources = nlohmann::json::parse(store.sources());
  CHECK(sources["files"][0]["name"] == "in.txt");
  CHECK(sources["files"][0]["sha256"] == sha256_hex(read_file(folder / "in.txt")));
}

TEST_CASE("import is reproducible under any path, for every tokenizer") {
  for (const char* tokenizer : {"bytes", "sentencepiece"}) {
    TemporaryFolder one, two;
    ergon::test::InspectingStorage storage;
    for (const auto* folder : {&one, &two}) {
      write_file(*folder / "in.txt", english(300));
      ImportOptions options = options_for(*folder, folder == &one ? "a.h5" : "b.h5");
      options.tokenizer.name = tokenizer;
      options.vocabulary = 330;
      import_text(options, storage);
    }
    CHECK(read_file(one / "a.h5") == read_file(two / "b.h5"));
  }
}

TEST_CASE("a trained SentencePiece model is in the store and can be named for another import") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "in.txt", english(300));
  ImportOptions options = options_for(folder, "a.h5");
  options.tokenizer.name = "sentencepiece";
  options.vocabulary = 330;
  options.training_text = {4096};
  const ImportSummary summary = import_text(options, storage);
  const TokenStore store(folder / "a.h5", storage);
  const auto tokenizer = store.tokenizer();

  CHECK(tokenizer->vocabulary() == 330);
  CHECK(summary.store.tokens * 2 < summary.text.value);
  write_file(folder / "m.model", tokenizer->definition());
  options.tokenizer.name = folder / "m.model";
  options.output = folder / "b.h5";
  import_text(options, storage);
  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
}

TEST_CASE("bad UTF-8 and empty documents are counted") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  std::filesystem::create_directories(folder / "in");
  write_file(folder / "in/a", "good");
  write_file(folder / "in/b", "b\xFF\xFE d");
  write_file(folder / "in/c", "");
  ImportOptions options = options_for(folder, "a.h5");
  options.documents = {};
  options.documents.inputs = {folder / "in"};

  const ImportSummary summary = import_text(options, storage);

  CHECK(summary.store.documents == 2);
  CHECK(summary.empty_documents == 1);
  CHECK(summary.repaired_documents == 1);
  CHECK(summary.replaced_sequences == 2);
  CHECK(summary.replaced_bytes == 2);
  CHECK(summary.text.value == 4 + 9);
}

TEST_CASE("a lone surrogate of one line is replaced, left out or refused, as is asked, and ends no import by itself") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "in.jsonl", R"({"text": "one"}
{"text": "b\ud83d d"}
)");
  ImportOptions options = options_for(folder, "a.h5");
  options.documents = {};
  options.documents.inputs = {folder / "in.jsonl"};
  options.existing = Existing::replace;

  const ImportSummary repaired = import_text(options, storage);
  CHECK(repaired.store.documents == 2);
  CHECK(repaired.repaired_documents == 1);
  CHECK(repaired.replaced_sequences == 1);
  CHECK(repaired.replaced_bytes == 6);
  CHECK(repaired.text.value == 3 + 6);

  options.invalid_utf8 = InvalidUtf8::drop;
  const ImportSummary dropped = import_text(options, storage);
  CHECK(dropped.store.documents == 1);
  CHECK(dropped.invalid_documents == 1);

  options.invalid_utf8 = InvalidUtf8::refuse;
  CHECK(contains(problem_of([&] { import_text(options, storage); }),
                 "in.jsonl:2: holds a document that is not UTF-8 (1 ill-formed parts, 1 of them escapes of lone surrogates)"));
}

TEST_CASE("what cannot be imported is refused, and nothing is left behind") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "in.txt", " \n\n");
  const auto problem = [&](auto change, ExitCode code) {
    ImportOptions options = options_for(folder, "a.h5");
    change(options);
    const std::string text = problem_of([&] { import_text(options, storage); }, code);
    CHECK_FALSE(storage.exists(folder / "a.h5"));
    CHECK_FALSE(storage.exists(folder / "a.ingest/unit_0000000000"));
    return text;
  };
  using O = ImportOptions&;

  CHECK(contains(problem([](O) {}, ExitCode::data), "there is no document in the input"));
  CHECK(contains(problem([](O o) { o.tokenizer.name = "sentencepiece"; }, ExitCode::data), "there is no text to train a tokenizer on"));
  CHECK(contains(problem([](O o) { o.documents.inputs.clear(); }, ExitCode::config), "no input"));
  CHECK(contains(problem([](O o) { o.splits.validation = 1; }, ExitCode::config), "--valid: 1 is not a fraction"));
  CHECK(contains(problem([](O o) { o.splits.test = -0.1; }, ExitCode::config), "--test: -0.1 is not a fraction"));
  CHECK(contains(problem([](O o) { o.splits.validation = o.splits.test = 0.5; }, ExitCode::config), "leaves no document for training"));
  CHECK(contains(problem([](O o) { o.vocabulary = 10; }, ExitCode::config), "--vocab: 10 pieces are out of range"));
  CHECK(contains(problem([](O o) { o.threads = -1; }, ExitCode::config), "--threads: -1 threads are out of range"));
  CHECK(contains(problem([](O o) { o.documents.max_document = 0; }, ExitCode::config), "--max-document: 0 bytes are out of range"));
  CHECK(contains(problem([](O o) { o.tokenizer.name = "words"; }, ExitCode::config),
                 "'words' is neither bytes nor sentencepiece nor a file"));
  write_file(folder / "b.h5", "precious");
  ImportOptions options = options_for(folder, "b.h5");
  CHECK(contains(problem_of([&] { import_text(options, storage); }, ExitCode::config), "already exists"));
  CHECK(read_file(folder / "b.h5") == "precious");
}

namespace {

// Five folders' worth of documents, every third one a repetition, some empty, some not UTF-8; several units.
void write_corpus(const TemporaryFolder& folder) {
  std::filesystem::create_directories(folder / "corpus");
  std::string lines, blocks;
  for (int i = 0; i < 120'000; ++i) {
    const int text = i % 3 == 2 ? i / 7 : i;
    lines += "{\"text\": \"" + (i % 50 == 3 ? "" : "line " + std::to_string(text) + " of many, which says that work is counted") + "\"}\n";
    if (i < 2000) blocks += "block " + std::to_string(text) + (i % 40 == 7 ? " \xFF\n\n" : " and more\n\n");
  }
  write_file(folder / "corpus/a.jsonl", lines);
  write_file(folder / "corpus/b.txt.gz", gzipped(blocks));
  write_file(folder / "corpus/c.jsonl.zst", zstandard(lines.substr(0, lines.find('\n', 100'000) + 1)));
  for (int f = 0; f < 40; ++f) write_file(folder / fmt::format("corpus/d{:02}", f), "file " + std::to_string(f / 2));
}

ImportOptions corpus_options(const TemporaryFolder& folder, const std::string& output) {
  ImportOptions options = options_for(folder, output);
  options.documents.inputs = {folder / "corpus"};
  options.deduplicate = true;
  options.shards.tokens = {3 << 20};
  return options;
}

// Every file of a dataset, one behind the other.
std::string dataset_bytes(const std::string& path, Storage& storage) {
  std::string bytes = read_file(path);
  for (const StorePlace& place : store_places({path}, storage)) bytes += read_file(place.path);
  return bytes;
}

// Fails at the n-th call that writes, as a process that is killed there would stop.
class StoppingStorage : public InspectingStorage {
 public:
  explicit StoppingStorage(int calls) : left_(calls) {}
  File create(const std::string& path) override { return count(), Storage::create(path); }
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
    count(), Storage::pwrite(file, data, offset);
  }
  void append(const File& file, std::string_view text) override { count(), Storage::append(file, text); }
  void sync(const File& file) override { count(), Storage::sync(file); }
  void rename(const std::string& from, const std::string& to) override { count(), Storage::rename(from, to); }
  void unlink(const std::string& path) override { count(), Storage::unlink(path); }

 private:
  void count() {
    if (left_-- <= 0) throw Error("no space left on device", "test", "", ExitCode::data);
  }
  std::atomic<int> left_;
};

}  // namespace

TEST_CASE("shards are equal for any number of threads, and hold each text once, the first of its kind") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_corpus(folder);
  std::string first;
  for (int threads : {1, 2, 8}) {
    ImportOptions options = corpus_options(folder, "t.json");
    options.existing = Existing::replace;
    options.threads = threads;
    const ImportSummary summary = import_text(options, storage);
    const std::string bytes = dataset_bytes(folder / "t.json", storage);
    if (first.empty()) first = bytes;
    CHECK((bytes == first));
    CHECK(summary.shards > 2);
    CHECK(summary.written == folder / "t.json");
    CHECK(summary.files == 43);
    CHECK(summary.repaired_documents == 50);
    CHECK(summary.store.documents == summary.documents[0] + summary.documents[1] + summary.documents[2]);
    CHECK(summary.duplicates > 30'000);
    CHECK_FALSE(storage.exists(folder / "t.ingest"));
  }
  std::set<std::string> texts;
  std::int64_t documents = 0;
  for (const StorePlace& place : store_places({folder / "t.json"}, storage)) {
    const TokenStore store(place, storage);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(store.info().tokens));
    store.read(0, ids);
    const auto offsets = store.offsets();
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d)
      texts.insert(
          std::string(ids.begin() + static_cast<std::int64_t>(offsets[d]), ids.begin() + static_cast<std::int64_t>(offsets[d + 1]) - 1));
    documents += store.info().documents;
    if (documents == store.info().documents) CHECK(store.tokenizer()->decode(std::span(ids).first(20)) == "line 0 of many, whic");
  }
  CHECK(documents == std::ssize(texts));
}

TEST_CASE("an import that stops at any write goes on from there to the same bytes") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_corpus(folder);
  import_text(corpus_options(folder, "whole.json"), storage);
  int stops = 0, kept = 0;
  for (int calls = 0;; calls += 1 + calls / 4) {
    StoppingStorage stopping(calls);
    ImportOptions options = corpus_options(folder, "t.json");
    options.threads = 2;
    if (problem_of([&] { import_text(options, stopping); }) == "no error") break;
    ++stops;
    kept += storage.exists(folder / "t.ingest/plan.json");
  }
  CHECK(stops > 8);
  CHECK(kept > 4);
  const auto shards = store_places({folder / "t.json"}, storage), whole = store_places({folder / "whole.json"}, storage);
  REQUIRE(shards.size() == whole.size());
  for (std::size_t s = 0; s < shards.size(); ++s) CHECK((read_file(shards[s].path) == read_file(whole[s].path)));
  CHECK_FALSE(storage.exists(folder / "t.ingest"));
}

TEST_CASE("an import into shards begins nothing where a store has the name of its first") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "in.txt", english(100));
  import_text(options_for(folder, "c-00000.h5"), storage);
  const std::string bytes = read_file(folder / "c-00000.h5");
  for (const Existing existing : {Existing::refuse, Existing::replace}) {
    ImportOptions options = options_for(folder, "c.json");
    options.existing = existing;
    CHECK(
        contains(problem_of([&] { import_text(options, storage); }, ExitCode::config), "c-00000.h5: already exists, and is no shard of "));
    CHECK((read_file(folder / "c-00000.h5") == bytes));
    CHECK_FALSE(storage.exists(folder / "c.ingest"));
  }
}

TEST_CASE("an import that was killed while it removed its work folder had finished") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  test::write_file(folder / "in.txt", "one text");
  ImportOptions options;
  options.documents.inputs = {folder / "in.txt"};
  options.output = folder / "t.h5";
  import_text(options, storage);
  const std::string bytes = read_file(folder / "t.h5");
  for (const std::vector<std::string>& left : {std::vector<std::string>{"publishing", "t-00000.h5.done"}, {"publishing"}, {"lock"}}) {
    storage.make_directories(folder / "t.ingest");
    for (const std::string& name : left) test::write_file(folder / "t.ingest" + ("/" + name), "");
    CHECK(problem_of([&] { import_text(options, storage); }, ExitCode::config).find("already exists") != std::string::npos);
    CHECK_FALSE(storage.exists(folder / "t.ingest"));
    CHECK((read_file(folder / "t.h5") == bytes));
  }
}

TEST_CASE("an import that was begun with other input or options is refused, and begun again when asked") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_corpus(folder);
  const auto stop = [&] {
    StoppingStorage stopping(30);
    ImportOptions options = corpus_options(folder, "t.json");
    options.threads = 1;
    CHECK(contains(problem_of([&] { import_text(options, stopping); }), "no space left"));
    REQUIRE(storage.exists(folder / "t.ingest/unit_0000000000"));
  };
  const auto problem = [&](auto change, ExitCode code) {
    ImportOptions options = corpus_options(folder, "t.json");
    change(options);
    return problem_of([&] { import_text(options, storage); }, code);
  };
  using O = ImportOptions&;
  stop();
  CHECK(contains(problem([](O o) { o.splits.validation = 0.3; }, ExitCode::config), "was begun with --valid 0.2, now 0.3"));
  std::string text = read_file(folder / "corpus/a.jsonl");
  text[1000] = text[1000] == 'x' ? 'y' : 'x';
  write_file(folder / "corpus/a.jsonl", text);
  CHECK(contains(problem([](O) {}, ExitCode::data), "the input has changed since this import was begun"));
  write_file(folder / "corpus/new", "more");
  CHECK(contains(problem([](O) {}, ExitCode::config), "was begun with input (names and sizes)"));
  CHECK(resumable_folder(corpus_options(folder, "t.json"), storage) == folder / "t.ingest");
  CHECK(problem([](O o) { o.begin = Begin::fresh; }, ExitCode::data) == "no error");
  CHECK(resumable_folder(corpus_options(folder, "t.json"), storage).empty());
}

TEST_CASE("compressed input gives the tokens of the plain one") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "in.txt", english(500));
  import_text(options_for(folder, "plain.h5"), storage);
  const TokenStore plain(folder / "plain.h5", storage);
  for (const std::string& packed : {gzipped(english(500)), zstandard(english(500))}) {
    write_file(folder / "in.txt", packed);
    ImportOptions options = options_for(folder, "packed.h5");
    options.existing = Existing::replace;
    import_text(options, storage);
    const TokenStore store(folder / "packed.h5", storage);
    std::vector<std::int32_t> one(static_cast<std::size_t>(plain.info().tokens)), other(static_cast<std::size_t>(store.info().tokens));
    plain.read(0, one);
    store.read(0, other);
    CHECK(one == other);
    CHECK(std::ranges::equal(plain.offsets(), store.offsets()));
    CHECK(contains(store.sources(), sha256_hex(packed)));
  }
}
