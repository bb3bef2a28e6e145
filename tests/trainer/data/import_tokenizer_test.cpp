// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import_tokenizer.hpp"

#include <nlohmann/json.hpp>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

struct Import {
  Import() : work(folder / "a.ingest", Begin::resume, storage) {
    std::string text;
    for (int p = 0; p < 300; ++p) text += fmt::format("paragraph {} of the text\nsays what {} is\n\n", p, p * p);
    write_file(folder / "in.txt", text);
    options.documents.inputs = {folder / "in.txt"};
    options.documents.rule = DocumentRule::blank_line;
    options.vocabulary = 330;
  }
  std::unique_ptr<Tokenizer> choose(const std::string& name) {
    options.tokenizer.name = name;
    return import_tokenizer(options, InputFiles(options.documents.inputs, options.documents.format), work, storage,
                            [&](const ImportProgress&) { ++shown; });
  }

  TemporaryFolder folder;
  Storage storage;
  IngestFolder work;
  ImportOptions options;
  int shown = 0;
};

}  // namespace

TEST_CASE("a tokenizer is named, trained, or read from a file") {
  Import setting;
  CHECK(setting.choose("bytes")->kind() == "bytes");
  const auto trained = setting.choose("sentencepiece");
  CHECK(trained->vocabulary() == 330);
  CHECK(setting.shown > 0);
  write_file(setting.folder / "m.model", trained->definition());
  CHECK(setting.choose(setting.folder / "m.model")->sha256() == trained->sha256());
  CHECK(contains(problem_of([&] { setting.choose("words"); }, ExitCode::config), "'words' is neither bytes nor sentencepiece nor a file"));
  setting.options.documents.inputs = {"-"};
  CHECK(contains(problem_of([&] { setting.choose("sentencepiece"); }, ExitCode::config), "input that can be read twice"));
}

TEST_CASE("a trained tokenizer is kept for an import that goes on, and only for that") {
  Import setting;
  const std::string first = setting.choose("sentencepiece")->sha256();
  write_file(setting.folder / "in.txt", "quite different words stand here, " + std::string(400, 'x') + " and more of them to learn from");
  setting.work.bind({{"a", 1}});
  CHECK(setting.choose("sentencepiece")->sha256() == first);
  setting.storage.unlink(setting.folder / "a.ingest/plan.json");
  setting.options.vocabulary = 300;
  CHECK(setting.choose("sentencepiece")->sha256() != first);
}
