// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/added_tokens.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

std::string cut(const AddedToken& token, std::string_view text, AddedTokens::Stage stage = AddedTokens::Stage::as_it_stands) {
  std::string all;
  AddedTokens({token}, Normalizer()).cut(text, stage, [&](std::string_view part, std::int32_t id) {
    all += id >= 0 ? "<" + std::string(part) + ">" : std::string(part) + "|";
  });
  return all;
}

AddedToken token(const char* content) {
  AddedToken made;
  made.content = content;
  made.id = 7;
  made.normalized = false;
  return made;
}

std::string added_refusal(const json& list) {
  TokenTable vocabulary;
  CHECK(vocabulary.add("a", 0));
  CHECK(vocabulary.add("b", 5));
  return problem_of([&] { read_added_tokens(list, vocabulary, "f"); });
}

}  // namespace

TEST_CASE("added_tokens: a token is found in text, a special one never is") {
  AddedToken made = token("[t]");
  CHECK(cut(made, "a[t][t]b") == "a|<[t]><[t]>b|");
  CHECK(cut(made, "[t]", AddedTokens::Stage::normalized) == "[t]|");
  CHECK(cut(made, "").empty());
  made.special = true;
  CHECK(cut(made, "a[t]b") == "a[t]b|");
}

TEST_CASE("added_tokens: white space beside a token goes with it") {
  AddedToken left = token("x"), right = token("x");
  left.lstrip = true;
  right.rstrip = true;
  CHECK(cut(left, "a \xE3\x80\x80x b") == "a|< \xE3\x80\x80x> b|");
  CHECK(cut(left, "x x") == "<x>< x>");
  CHECK(cut(right, "a x \nb") == "a |<x \n>b|");
  CHECK(cut(right, "x ") == "<x >");
}

TEST_CASE("added_tokens: a single word stands between other characters than those of words") {
  AddedToken made = token("x");
  made.single_word = true;
  CHECK(cut(made, "x ax xa x.x \xC3\xA9x") == "<x> ax xa |<x>.|<x> \xC3\xA9x|");
}

TEST_CASE("added_tokens: a normalized token is found in its normal form") {
  AddedToken made = token("\xEF\xAC\x81");
  made.normalized = true;
  const AddedTokens tokens({made}, Normalizer({{"type", "NFKC"}}, "normalizer", "f"));
  std::string all;
  tokens.cut("a fi", AddedTokens::Stage::normalized,
             [&](std::string_view part, std::int32_t id) { all += fmt::format("{}:{} ", part, id); });
  CHECK(all == "a :-1 fi:7 ");
}

TEST_CASE("added_tokens: ids are those of the vocabulary, or follow on it as in the package") {
  TokenTable vocabulary;
  CHECK(vocabulary.add("a", 0));
  CHECK(vocabulary.add("b", 1));
  const auto tokens = read_added_tokens(
      {{{"id", 0}, {"content", "a"}, {"special", true}}, {{"id", 2}, {"content", "c"}}, {{"id", 3}, {"content", "d"}}}, vocabulary, "f");
  REQUIRE(tokens.size() == 3);
  CHECK(tokens[0].special);
  CHECK(tokens[1].normalized);
  CHECK(vocabulary.find("d") == 3);
}

TEST_CASE("added_tokens: lists that do not fit are refused") {
  CHECK(contains(added_refusal({{{"id", 1}, {"content", "a"}}}), "f: added_tokens[0] has the id 1 here, and 0 in the package"));
  CHECK(contains(added_refusal({{{"id", 9}, {"content", "c"}}}), "f: added_tokens[0] has the id 9 here, and 2 in the package"));
  CHECK(contains(added_refusal({{{"id", 5}, {"content", "b"}}, {{"id", 5}, {"content", "c"}}}),
                 "f: added_tokens[1] has the id 5 here, and 6 in the package"));
  CHECK(contains(added_refusal({{{"id", 0}, {"content", ""}}}), "f: added_tokens[0] has a content of 0 bytes"));
  CHECK(contains(added_refusal({{{"id", 0}, {"content", std::string(2000, 'x')}}}), "has a content of 2000 bytes"));
  CHECK(contains(added_refusal({{{"id", 0}, {"content", "a"}, {"weight", 1}}}), "f: added_tokens[0] has a 'weight'"));
  CHECK(contains(added_refusal({1}), "f: added_tokens[0] is not an object"));
  CHECK(contains(added_refusal(json(70'000, json::object())), "are more than 65536"));
  TokenTable holes;
  CHECK(holes.add("a", 1));
  CHECK(contains(problem_of([&] {
                   read_added_tokens({{{"id", 1}, {"content", "c"}}}, holes, "f");
                 }),
                 "would get the id 1, which is taken"));
}
