// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/added_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "trainer/data/tokenizers/code_points.hpp"
#include "trainer/data/tokenizers/general_category.hpp"

namespace ergon {
namespace {

constexpr std::size_t longest_content = 1024, most_tokens = 1 << 16;

// Where the white space at the end of `text` begins.
std::size_t without_trailing_space(std::string_view text) {
  while (!text.empty()) {
    const char32_t c = last_code_point(text);
    if (!is_white_space(c)) break;
    text.remove_suffix(c < 0x80 ? 1 : c < 0x800 ? 2 : 3);
  }
  return text.size();
}

std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = code_point_at(text, at);
    if (!is_white_space(c.value)) break;
    at += c.bytes;
  }
  return at;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const bool word_before = begin > 0 && is_word(last_code_point(text.substr(0, begin)));
  const bool word_after = end < text.size() && is_word(code_point_at(text, end).value);
  return !word_before && !word_after;
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const nlohmann::json& list, TokenTable& vocabulary, const std::string& file) {
  std::vector<AddedToken> tokens;
  const std::int64_t model_count = vocabulary.count();
  std::optional<std::int64_t> highest;
  if (list.size() > most_tokens) Component(list[0], "added_tokens", file).refuse(fmt::format("are more than {}", most_tokens));
  for (std::size_t i = 0; i < list.size(); ++i) {
    Component component(list[i], fmt::format("added_tokens[{}]", i), file);
    AddedToken token;
    token.content = component.text("content", "");
    token.id = static_cast<std::int32_t>(component.number("id", 0));
    token.single_word = component.flag("single_word", false);
    token.lstrip = component.flag("lstrip", false);
    token.rstrip = component.flag("rstrip", false);
    token.normalized = component.flag("normalized", true);
    token.special = component.flag("special", false);
    component.done();
    if (token.content.empty() || token.content.size() > longest_content)
      component.refuse(fmt::format("has a content of {} bytes, not 1 to {}", token.content.size(), longest_content));
    std::int64_t id = vocabulary.find(token.content);
    if (id == TokenTable::none) {
      id = highest && *highest >= model_count ? *highest + 1 : model_count;
      if (!vocabulary.add(token.content, id)) component.refuse(fmt::format("would get the id {}, which is taken or out of range", id));
    }
    if (id != token.id) component.refuse(fmt::format("has the id {} here, and {} in the package", token.id, id));
    highest = std::max(highest.value_or(0), id);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer) {
  RegexScratch scratch;
  for (Stage stage : {Stage::as_it_stands, Stage::normalized}) {
    Found& found = found_[static_cast<std::size_t>(stage)];
    std::vector<std::string> texts;
    // Where two normalize to the same text, the package takes a special one first.
    for (const bool special : {true, false})
      for (const AddedToken& token : tokens) {
        if (token.special != special || token.normalized != (stage == Stage::normalized)) continue;
        texts.push_back(token.content);
        if (token.normalized) normalizer.apply(texts.back(), scratch);
        found.tokens.push_back(token);
      }
    found.matcher = TokenMatcher(texts);
  }
}

void AddedTokens::cut(std::string_view text, Stage stage, const Sink& sink) const {
  const Found& found = found_[static_cast<std::size_t>(stage)];
  std::size_t given = 0, at = 0;  // bytes handed out, and looked at
  while (const auto match = found.matcher.find(text, at)) {
    const AddedToken& token = found.tokens[match->index];
    at = match->end;
    if (token.special || (token.single_word && !stands_alone(text, match->begin, match->end))) continue;
    const std::size_t begin = token.lstrip ? std::max(without_trailing_space(text.substr(0, match->begin)), given) : match->begin;
    const std::size_t end = match->end + (token.rstrip ? leading_space(text.substr(match->end)) : 0);
    if (begin > given) sink(text.substr(given, begin - given), -1);
    sink(text.substr(begin, end - begin), token.id);
    given = end;
  }
  if (given < text.size()) sink(text.substr(given), -1);
}

}  // namespace ergon
