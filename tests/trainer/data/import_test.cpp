// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

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
  options.validation = 0.2;
  options.test = 0.1;
  return options;
}

}  // namespace

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
      options.tokenizer = tokenizer;
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
  options.tokenizer = "sentencepiece";
  options.vocabulary = 330;
  options.training_text = {4096};
  const ImportSummary summary = import_text(options, storage);
  const TokenStore store(folder / "a.h5", storage);
  const auto tokenizer = store.tokenizer();

  CHECK(tokenizer->vocabulary() == 330);
  CHECK(summary.store.tokens * 2 < summary.text.value);
  write_file(folder / "m.model", tokenizer->definition());
  options.tokenizer = folder / "m.model";
  options.output = folder / "b.h5";
  import_text(options, storage);
  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
}

TEST_CASE("documents keep their split when others are added") {
  std::string more = english(400);
  int moved = 0, counts[3] = {};
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "document " + std::to_string(i);
    const Split split = split_of(text, 0.1, 0.1);
    ++counts[static_cast<std::size_t>(split)];
    moved += split == Split::validation && split_of(text, 0.2, 0.1) != Split::validation;
  }
  CHECK(moved == 0);
  CHECK(std::abs(counts[1] - 100) < 40);
  CHECK(std::abs(counts[2] - 100) < 40);
}

TEST_CASE("bad UTF-8 and empty documents are counted") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  std::filesystem::create_directories(folder / "in");
  write_file(folder / "in/a", "good");
  write_file(folder / "in/b", "b\xFF\xFE d");
  write_file(folder / "in/c", "");
  ImportOptions options = options_for(folder, "a.h5");
  options.documents = {{folder / "in"}};

  const ImportSummary summary = import_text(options, storage);

  CHECK(summary.store.documents == 2);
  CHECK(summary.empty_documents == 1);
  CHECK(summary.repaired_documents == 1);
  CHECK(summary.replaced_sequences == 2);
  CHECK(summary.text.value == 4 + 9);
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
    CHECK_FALSE(storage.exists(folder / "a.h5.spool.tmp"));
    return text;
  };
  using O = ImportOptions&;

  CHECK(contains(problem([](O) {}, ExitCode::data), "there is no document in the input"));
  CHECK(contains(problem([](O o) { o.tokenizer = "sentencepiece"; }, ExitCode::data), "there is no text to train a tokenizer on"));
  CHECK(contains(problem([](O o) { o.documents.inputs.clear(); }, ExitCode::config), "no input"));
  CHECK(contains(problem([](O o) { o.validation = 1; }, ExitCode::config), "--valid: 1 is not a fraction"));
  CHECK(contains(problem([](O o) { o.test = -0.1; }, ExitCode::config), "--test: -0.1 is not a fraction"));
  CHECK(contains(problem([](O o) { o.validation = o.test = 0.5; }, ExitCode::config), "leaves no document for training"));
  CHECK(contains(problem([](O o) { o.vocabulary = 10; }, ExitCode::config), "--vocab: 10 pieces are out of range"));
  CHECK(contains(problem([](O o) { o.tokenizer = "words"; }, ExitCode::config), "'words' is neither bytes nor sentencepiece nor a file"));
  write_file(folder / "b.h5", "precious");
  ImportOptions options = options_for(folder, "b.h5");
  CHECK(contains(problem_of([&] { import_text(options, storage); }, ExitCode::config), "already exists"));
  CHECK(read_file(folder / "b.h5") == "precious");
}
