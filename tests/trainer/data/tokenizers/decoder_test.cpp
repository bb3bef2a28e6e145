// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/decoder.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

std::string decoded(const json& part, std::vector<std::string> tokens) {
  RegexScratch scratch;
  return Decoder(part, "decoder", "f").apply(std::move(tokens), scratch);
}

std::string decoder_refusal(const json& part) {
  return problem_of([&] { Decoder(part, "decoder", "f"); });
}

}  // namespace

TEST_CASE("decoder: ByteLevel gives bytes back, other tokens as they are") {
  CHECK(decoded({{"type", "ByteLevel"}}, {"a",
                                          "\xC4\xA0"
                                          "b",
                                          "<x y>", "\xC3\x83\xC2\xA9"}) == "a b<x y>\xC3\xA9");
}

TEST_CASE("decoder: byte tokens become text where they are UTF-8") {
  const json part = {{"type", "ByteFallback"}};
  CHECK(decoded(part, {"a", "<0xC3>", "<0xA9>", "b"}) ==
        "a\xC3\xA9"
        "b");
  CHECK(decoded(part, {"<0xC3>", "a", "<0xc3>", "<0xA9>"}) ==
        "\xEF\xBF\xBD"
        "a\xC3\xA9");
  CHECK(decoded(part, {"<0xE2>", "<0x82>"}) == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(decoded(part, {"<0xG1>", "<0x1>"}) == "<0xG1><0x1>");
}

TEST_CASE("decoder: Replace, Fuse, Strip and Metaspace") {
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", "_"}}}, {"content", " "}};
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 1}};
  const auto sequence = [](const json& parts) { return json{{"type", "Sequence"}, {"decoders", parts}}; };
  CHECK(decoded(replace, {"_a", "_b"}) == " a b");
  CHECK(decoded(sequence({replace, strip}), {"__a", "_b_"}) == " ab");
  CHECK(decoded(sequence({replace, {{"type", "Fuse"}}, strip}), {"_a", "_b_"}) == "a b");
  CHECK(decoded({{"type", "Metaspace"}, {"replacement", "_"}}, {"_a", "_b"}) == "a b");
  CHECK(decoded({{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "never"}, {"split", true}}, {"_a", "_b"}) == " a b");
}

TEST_CASE("decoder: without one, a space stands between tokens") {
  RegexScratch scratch;
  CHECK(Decoder().apply({"a", "b"}, scratch) == "a b");
  CHECK(Decoder().apply({}, scratch).empty());
}

TEST_CASE("decoder: parts that are not known are refused by name") {
  CHECK(contains(decoder_refusal({{"type", "WordPiece"}}), "f: decoder is of type 'WordPiece', which is not ByteLevel"));
  CHECK(contains(decoder_refusal({{"type", "Sequence"}, {"decoders", {{{"type", "CTC"}}}}}), "f: decoder.decoders[0] is of type 'CTC'"));
  CHECK(contains(decoder_refusal({{"type", "Strip"}, {"content", "ab"}}), "has a 'content' that is not one character"));
  CHECK(contains(decoder_refusal({{"type", "Metaspace"}, {"replacement", ""}}), "has a 'replacement' that is not one character"));
  json deep = {{"type", "Fuse"}};
  for (int i = 0; i < 12; ++i) deep = {{"type", "Sequence"}, {"decoders", {deep}}};
  CHECK(contains(decoder_refusal(deep), "is nested too deep"));
}
