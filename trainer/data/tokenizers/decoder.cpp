// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/decoder.hpp"

#include <fmt/format.h>

#include <memory>

#include "trainer/data/tokenizers/byte_alphabet.hpp"
#include "trainer/data/tokenizers/code_points.hpp"
#include "trainer/data/tokenizers/split_pattern.hpp"
#include "trainer/data/utf8.hpp"

namespace ergon {
namespace {

using TokenTexts = std::vector<std::string>;

void fuse(TokenTexts& tokens) {
  std::string whole;
  for (const std::string& token : tokens) whole += token;
  tokens = {whole};
}

void from_byte_level(TokenTexts& tokens) {
  for (std::string& token : tokens)
    if (auto bytes = bytes_of_characters(token)) token = std::move(*bytes);
  fuse(tokens);
}

// "<0xE2>" is the byte 0xE2; -1: another token.
int byte_of(const std::string& token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>' || digit(token[3]) < 0 || digit(token[4]) < 0) return -1;
  return digit(token[3]) * 16 + digit(token[4]);
}

// A run of byte tokens is text, or, where it is not UTF-8, one U+FFFD a byte.
void from_byte_fallback(TokenTexts& tokens) {
  TokenTexts texts;
  std::string bytes;
  const auto end_of_run = [&] {
    if (bytes.empty()) return;
    std::string copy = bytes;
    if (repair_utf8(copy) == 0)
      texts.push_back(bytes);
    else
      texts.insert(texts.end(), bytes.size(), "\xEF\xBF\xBD");
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const int byte = byte_of(token); byte >= 0) {
      bytes.push_back(static_cast<char>(byte));
      continue;
    }
    end_of_run();
    texts.push_back(std::move(token));
  }
  end_of_run();
  tokens = std::move(texts);
}

void strip(std::string& token, const std::string& content, std::int64_t start, std::int64_t stop) {
  for (; start > 0 && token.starts_with(content); --start) token.erase(0, content.size());
  for (; stop > 0 && token.ends_with(content); --stop) token.resize(token.size() - content.size());
}

bool one_character(const std::string& text) { return !text.empty() && code_point_at(text, 0).bytes == text.size(); }

// Spaces again; those that the pre-tokenizer put before the first word vanish.
void from_metaspace(TokenTexts& tokens, const std::string& replacement, bool prepended) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string space = i == 0 && prepended ? "" : " ";
    for (std::size_t at = 0; (at = tokens[i].find(replacement, at)) != std::string::npos; at += space.size())
      tokens[i].replace(at, replacement.size(), space);
  }
}

}  // namespace

Decoder::Decoder(const nlohmann::json& json, const std::string& place, const std::string& file) : present_(true) {
  add(json, place, file, 0);
}

void Decoder::add(const nlohmann::json& json, const std::string& place, const std::string& file, int depth) {
  Component component(json, place, file);
  const std::string type = component.type();
  if (depth > deepest_sequence) component.refuse("is nested too deep");
  if (type == "Sequence") {
    const nlohmann::json& list = component.array("decoders");
    for (std::size_t i = 0; i < list.size(); ++i) add(list[i], fmt::format("{}.decoders[{}]", place, i), file, depth + 1);
  } else if (type == "ByteLevel") {
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) component.ignore(key);
    steps_.push_back([](TokenTexts& tokens, RegexScratch&) { from_byte_level(tokens); });
  } else if (type == "ByteFallback") {
    steps_.push_back([](TokenTexts& tokens, RegexScratch&) { from_byte_fallback(tokens); });
  } else if (type == "Fuse") {
    steps_.push_back([](TokenTexts& tokens, RegexScratch&) { fuse(tokens); });
  } else if (type == "Replace") {
    const auto pattern = std::make_shared<const Regex>(read_pattern(component));
    const std::string content = component.text("content", "");
    steps_.push_back([pattern, content](TokenTexts& tokens, RegexScratch& scratch) {
      for (std::string& token : tokens) replace_matches(token, *pattern, content, scratch);
    });
  } else if (type == "Strip") {
    const std::string content = component.text("content", "");
    const std::int64_t start = component.number("start", 0), stop = component.number("stop", 0);
    if (!one_character(content)) component.refuse("has a 'content' that is not one character");
    steps_.push_back([=](TokenTexts& tokens, RegexScratch&) {
      for (std::string& token : tokens) strip(token, content, start, stop);
    });
  } else if (type == "Metaspace") {
    const std::string replacement = component.text("replacement", "\xE2\x96\x81");
    const bool prepended = component.text("prepend_scheme", component.flag("add_prefix_space", true) ? "always" : "never") != "never";
    component.ignore("split");
    component.ignore("str_rep");
    if (!one_character(replacement)) component.refuse("has a 'replacement' that is not one character");
    steps_.push_back([=](TokenTexts& tokens, RegexScratch&) { from_metaspace(tokens, replacement, prepended); });
  } else {
    component.refuse(
        fmt::format("is of type '{}', which is not ByteLevel, ByteFallback, Replace, Strip, Fuse, Metaspace or Sequence", type));
  }
  component.done();
}

std::string Decoder::apply(TokenTexts tokens, RegexScratch& scratch) const {
  for (const Step& step : steps_) step(tokens, scratch);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) text.append(present_ || i == 0 ? "" : " ").append(tokens[i]);
  return text;
}

}  // namespace ergon
