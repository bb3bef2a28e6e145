// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/normalizer.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

std::string normal(const json& part, std::string text) {
  RegexScratch scratch;
  Normalizer(part, "normalizer", "f").apply(text, scratch);
  return text;
}

std::string normalizer_refusal(const json& part) {
  return problem_of([&] { Normalizer(part, "normalizer", "f"); });
}

}  // namespace

TEST_CASE("normalizer: the four forms") {
  const std::string composed = "\xC3\xA9", apart = "e\xCC\x81", ligature = "\xEF\xAC\x81";
  CHECK(normal({{"type", "NFC"}}, apart + ligature) == composed + ligature);
  CHECK(normal({{"type", "NFD"}}, composed + ligature) == apart + ligature);
  CHECK(normal({{"type", "NFKC"}}, apart + ligature) == composed + "fi");
  CHECK(normal({{"type", "NFKD"}}, composed + ligature) == apart + "fi");
  CHECK(normal({{"type", "NFC"}}, "plain") == "plain");
}

TEST_CASE("normalizer: what is younger than Unicode 9 stays, as in the reference") {
  CHECK(normal({{"type", "NFKC"}}, "\xE3\x8B\xBF") == "\xE3\x8B\xBF");         // U+32FF, of 12.1
  CHECK(normal({{"type", "NFD"}}, "\xF0\x91\xA4\xB8") == "\xF0\x91\xA4\xB8");  // U+11938, of 13
}

TEST_CASE("normalizer: prefixes, replacements and sequences, in their order") {
  const json parts = {{"type", "Sequence"},
                      {"normalizers",
                       {{{"type", "Prepend"}, {"prepend", "_"}},
                        {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "_"}},
                        {{"type", "Replace"}, {"pattern", {{"Regex", "b+"}}}, {"content", ""}}}}};
  CHECK(normal(parts, "a bb c") == "_a__c");
  CHECK(normal(parts, "") == "");
  CHECK(Normalizer().empty());
  CHECK(Normalizer({{"type", "Sequence"}, {"normalizers", json::array()}}, "n", "f").empty());
}

TEST_CASE("normalizer: parts that are not known are refused by name") {
  CHECK(contains(normalizer_refusal({{"type", "Lowercase"}}), "f: normalizer is of type 'Lowercase', which is not NFC"));
  CHECK(contains(normalizer_refusal({{"type", "Sequence"}, {"normalizers", {{{"type", "StripAccents"}}}}}),
                 "f: normalizer.normalizers[0] is of type 'StripAccents'"));
  CHECK(contains(normalizer_refusal({{"type", "NFC"}, {"lower", true}}), "f: normalizer has a 'lower'"));
  CHECK(contains(normalizer_refusal({{"type", "Sequence"}}), "f: normalizer has no list 'normalizers'"));
  CHECK(contains(normalizer_refusal({{"type", "Replace"}, {"content", ""}}), "f: normalizer has no 'pattern'"));
  json deep = {{"type", "NFC"}};
  for (int i = 0; i < 12; ++i) deep = {{"type", "Sequence"}, {"normalizers", {deep}}};
  CHECK(contains(normalizer_refusal(deep), "is nested too deep"));
}
