// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import_pairs.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

PairOptions options_for(const std::string& input, const std::string& output) {
  PairOptions options;
  options.documents.inputs = {input};
  options.documents.prompt_key = std::string("q");
  options.documents.text_key = std::string("a");
  options.output = output;
  options.separator = std::string("=");
  options.fractions = {0, 0};
  options.existing = Existing::replace;
  return options;
}

}  // namespace

TEST_CASE("a pair is one document, of which the response counts") {
  TemporaryFolder folder;
  InspectingStorage storage;
  write_file(folder / "in.jsonl", "{\"q\": \"2+3\", \"a\": \"5\"}\n{\"a\": \"hm\", \"q\": \"\"}\n{\"q\": \"silent\", \"a\": \"\"}\n");

  const auto tokenizer = make_bytes_tokenizer();
  const PairSummary summary = import_pairs(options_for(folder / "in.jsonl", folder / "a.h5"), *tokenizer, storage);

  const TokenStore store(folder / "a.h5", storage);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(store.info().tokens));
  store.read(0, ids);
  CHECK(ids == std::vector<std::int32_t>{'2', '+', '3', '=', '5', 256, '=', 'h', 'm', 256});
  CHECK(std::vector<std::uint64_t>(store.answers().begin(), store.answers().end()) == std::vector<std::uint64_t>{4, 1});
  CHECK(summary.empty == 1);
  CHECK(summary.prompt_tokens == 5);
  CHECK(summary.documents[0] == 2);
}

TEST_CASE("pairs longer than the limit are left out") {
  TemporaryFolder folder;
  InspectingStorage storage;
  write_file(folder / "in.jsonl", "{\"q\": \"a\", \"a\": \"b\"}\n{\"q\": \"aa\", \"a\": \"b\"}\n");
  const auto tokenizer = make_bytes_tokenizer();
  PairOptions options = options_for(folder / "in.jsonl", folder / "a.h5");
  options.longest = 4;
  const PairSummary summary = import_pairs(options, *tokenizer, storage);
  CHECK(summary.too_long == 1);
  CHECK(summary.store.documents == 1);
}

TEST_CASE("pairs that are not UTF-8 are repaired, left out or refused, and counted") {
  TemporaryFolder folder;
  InspectingStorage storage;
  write_file(folder / "in.jsonl",
             "{\"q\": \"a\xFF\", \"a\": \"b\"}\n{\"q\": \"c\", \"a\": \"d\"}\n{\"q\": \"\xFF\", \"a\": \"\"}\n"
             "{\"q\": \"e\", \"a\": \"\\ud83d and \xFF are long\"}\n");
  const auto tokenizer = make_bytes_tokenizer();
  PairOptions options = options_for(folder / "in.jsonl", folder / "a.h5");
  options.longest = 16;

  const PairSummary repaired = import_pairs(options, *tokenizer, storage);
  CHECK(repaired.store.documents == 2);
  CHECK(repaired.empty == 1);
  CHECK(repaired.too_long == 1);
  CHECK(repaired.repaired == 1);
  CHECK(repaired.invalid == 0);
  CHECK(repaired.replaced_sequences == 1);
  CHECK(repaired.replaced_bytes == 1);
  CHECK(contains(TokenStore(folder / "a.h5", storage).sources(), "\"invalid_utf8\":\"replaced by U+FFFD\""));

  options.invalid_utf8 = InvalidUtf8::drop;
  const PairSummary dropped = import_pairs(options, *tokenizer, storage);
  CHECK(dropped.store.documents == 1);
  CHECK(dropped.too_long == 0);
  CHECK(dropped.repaired == 0);
  CHECK(dropped.invalid == 2);
  CHECK(dropped.replaced_sequences == 3);
  CHECK(dropped.replaced_bytes == 8);

  options.invalid_utf8 = InvalidUtf8::refuse;
  options.output = folder / "refused.h5";
  CHECK(contains(problem_of([&] { import_pairs(options, *tokenizer, storage); }),
                 "in.jsonl:1: holds a document that is not UTF-8 (1 ill-formed parts)"));
  CHECK(!storage.exists(folder / "refused.h5"));
}

TEST_CASE("input that holds no pairs is refused") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const auto tokenizer = make_bytes_tokenizer();
  const auto refused = [&](const std::string& name, const std::string& text) {
    write_file(folder / name, text);
    return problem_of([&] { import_pairs(options_for(folder / name, folder / "a.h5"), *tokenizer, storage); });
  };
  CHECK(contains(refused("a.jsonl", "{\"q\": \"x\"}\n"), "a.jsonl:1: has no text under the key \"a\""));
  CHECK(contains(refused("b.jsonl", "{\"a\": \"x\"}\n"), "b.jsonl:1: has no text under the key \"q\""));
  CHECK(contains(refused("c.txt", "x"), "holds no JSON lines"));
  CHECK(!storage.exists(folder / "a.h5"));
}
