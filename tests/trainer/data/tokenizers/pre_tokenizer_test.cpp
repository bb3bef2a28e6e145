// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/pre_tokenizer.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

std::string pieces(const json& part, std::string_view text, bool first = true) {
  RegexScratch scratch;
  std::string all;
  PreTokenizer(part, "pre_tokenizer", "f").run({text, first}, scratch, [&](const TextPiece& piece) {
    all += std::string(piece.text) + "|";
  });
  return all;
}

std::string pre_tokenizer_refusal(const json& part) {
  return problem_of([&] { PreTokenizer(part, "pre_tokenizer", "f"); });
}

json split(const std::string& regex, const std::string& behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", behavior}, {"invert", invert}};
}

}  // namespace

TEST_CASE("pre_tokenizer: ByteLevel splits as GPT-2 does, may put a space first, may leave splitting to others") {
  CHECK(pieces({{"type", "ByteLevel"}, {"add_prefix_space", false}}, "it's  two 22!\n") == "it|'s| | two| 22|!|\n|");
  CHECK(pieces({{"type", "ByteLevel"}}, "a b") == " a| b|");
  CHECK(pieces({{"type", "ByteLevel"}}, " a") == " a|");
  CHECK(pieces({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}, {"trim_offsets", true}}, "a b") == "a b|");
  CHECK(PreTokenizer({{"type", "ByteLevel"}}, "p", "f").byte_level());
  CHECK_FALSE(PreTokenizer().byte_level());
}

TEST_CASE("pre_tokenizer: Split, with every behaviour and turned round") {
  CHECK(pieces(split("\\s", "Isolated"), "a  b") == "a| | |b|");
  CHECK(pieces(split("\\s", "Removed"), " a  b") == "a|b|");
  CHECK(pieces(split("\\s", "Contiguous"), "a  b") == "a|  |b|");
  CHECK(pieces(split("\\p{L}+", "Removed", true), "a1b") == "a|b|");
  CHECK(pieces({{"type", "Split"}, {"pattern", {{"String", "."}}}, {"behavior", "MergedWithNext"}}, "a.b.") == "a|.b|.|");
}

TEST_CASE("pre_tokenizer: Digits, one by one or together") {
  CHECK(pieces({{"type", "Digits"}, {"individual_digits", true}}, "a12\xC2\xBD-") == "a|1|2|\xC2\xBD|-|");
  CHECK(pieces({{"type", "Digits"}}, "12a34") == "12|a|34|");
}

TEST_CASE("pre_tokenizer: Metaspace") {
  const auto metaspace = [](const char* scheme, bool cut) {
    return json{{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", scheme}, {"split", cut}};
  };
  CHECK(pieces(metaspace("always", true), "a  b") == "_a|_|_b|");
  CHECK(pieces(metaspace("never", true), "a b") == "a|_b|");
  CHECK(pieces(metaspace("first", true), "a b", false) == "a|_b|");
  CHECK(pieces(metaspace("first", false), "a b") == "_a_b|");
  CHECK(pieces(metaspace("always", false), " a") == "_a|");
  CHECK(pieces({{"type", "Metaspace"}, {"replacement", "_"}, {"add_prefix_space", false}}, "a b") == "a|_b|");
}

TEST_CASE("pre_tokenizer: sequences hand on their pieces, and the first stays the first") {
  const json parts = {
      {"type", "Sequence"},
      {"pretokenizers", {split("-", "Removed"), {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "first"}}}}};
  CHECK(pieces(parts, "a-b c") == "_a|b|_c|");
}

TEST_CASE("pre_tokenizer: parts that are not known are refused by name") {
  CHECK(contains(pre_tokenizer_refusal({{"type", "BertPreTokenizer"}}),
                 "f: pre_tokenizer is of type 'BertPreTokenizer', which is not ByteLevel"));
  CHECK(contains(pre_tokenizer_refusal({{"type", "Sequence"}, {"pretokenizers", {{{"type", "ByteLevel"}}, {{"type", "Digits"}}}}}),
                 "f: pre_tokenizer.pretokenizers[1] of type 'Digits' comes after ByteLevel"));
  CHECK(contains(pre_tokenizer_refusal(split("a", "Kept")), "f: pre_tokenizer has the behavior 'Kept'"));
  CHECK(contains(pre_tokenizer_refusal({{"type", "Metaspace"}, {"replacement", "ab"}}), "has a 'replacement' that is not one character"));
  CHECK(contains(pre_tokenizer_refusal({{"type", "Metaspace"}, {"prepend_scheme", "last"}}), "has the prepend_scheme 'last'"));
  CHECK(contains(pre_tokenizer_refusal({{"type", "Digits"}, {"x", 1}}), "f: pre_tokenizer has a 'x'"));
  json deep = {{"type", "Digits"}};
  for (int i = 0; i < 12; ++i) deep = {{"type", "Sequence"}, {"pretokenizers", {deep}}};
  CHECK(contains(pre_tokenizer_refusal(deep), "is nested too deep"));
}
