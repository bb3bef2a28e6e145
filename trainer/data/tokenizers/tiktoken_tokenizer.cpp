// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tiktoken_tokenizer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/pattern.hpp"
#include "trainer/data/tokenizers/regex.hpp"
#include "trainer/data/tokenizers/scratch_pool.hpp"
#include "trainer/data/tokenizers/tiktoken_ranks.hpp"
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

namespace ergon {
namespace {

const std::string stored_tiktoken = "tokenizer tiktoken";  // where, when a definition of a store is at fault

class TiktokenTokenizer final : public Tokenizer {
 public:
  TiktokenTokenizer(std::string_view file, const TiktokenEncoding& encoding, const std::string& where)
      : definition_(join_definition(
            {{"pattern", encoding.pattern}, {"special_tokens", encoding.special_tokens}, {"end_of_document", encoding.end_of_document}},
            file)),
        model_(read_tiktoken_ranks(file, where)),
        pattern_(pcre_pattern(encoding.pattern, PatternDialect::rust, where), where),
        vocabulary_(model_.tokens.end()) {
    for (const auto& [text, id] : encoding.special_tokens) {
      if (id < 0 || id >= TokenTable::most_ids || model_.tokens.has(id))
        throw Error(fmt::format("the special token '{}' has the id {}, which is a rank or out of range", text, id), where,
                    "give it the id that its makers gave it", ExitCode::data);
      vocabulary_ = std::max<std::int64_t>(vocabulary_, id + 1);
    }
    const auto end = encoding.special_tokens.find(encoding.end_of_document);
    if (end == encoding.special_tokens.end())
      throw Error(fmt::format("'{}', which is to end documents, is not a special token of it", encoding.end_of_document), where,
                  "name one with --end-of-document", ExitCode::data);
    eod_ = end->second;
  }

  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    const auto scratch = scratch_.lend();
    for (std::size_t at = 0; at < text.size();) {
      const auto match = pattern_.find(text, at, scratch->regex);
      if (!match || match->begin != at)
        throw Error(fmt::format("the pattern leaves out text at byte {} of a document", at), "tokenizer tiktoken",
                    "give a pattern that takes every character", ExitCode::data);
      model_.encode(text.substr(at, match->end - at), ids, scratch->piece);
      at = match->end;
    }
  }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    for (const std::int32_t id : ids) {
      if (id < 0 || id >= vocabulary_)
        throw Error(fmt::format("token id {} is outside the vocabulary of {}", id, vocabulary_), "tokenizer tiktoken",
                    "the tokens are of another tokenizer, or damaged: `ergon data verify`", ExitCode::data);
      text += model_.tokens.bytes(id);
    }
    return text;
  }

  std::string kind() const override { return "tiktoken"; }
  std::string definition() const override { return definition_; }
  std::int64_t vocabulary() const override { return vocabulary_; }
  std::int32_t eod() const override { return eod_; }
  std::int32_t bos() const override { return -1; }
  std::int32_t pad() const override { return -1; }

 private:
  struct Scratch {
    RegexScratch regex;
    PieceScratch piece;
  };
  std::string definition_;
  BytePairModel model_;
  Regex pattern_;
  std::int64_t vocabulary_;
  std::int32_t eod_ = -1;
  mutable ScratchPool<Scratch> scratch_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_tiktoken_tokenizer(std::string_view file, const TiktokenEncoding& encoding, const std::string& where) {
  return std::make_unique<TiktokenTokenizer>(file, encoding, where);
}

std::unique_ptr<Tokenizer> make_tiktoken_tokenizer(const std::string& definition) {
  const DefinitionParts parts = split_definition(definition, stored_tiktoken);
  const nlohmann::json head = bounded_json(parts.head, stored_tiktoken);
  TiktokenEncoding encoding;
  try {
    encoding.pattern = head.at("pattern").get<std::string>();
    encoding.special_tokens = head.at("special_tokens").get<std::map<std::string, std::int32_t>>();
    encoding.end_of_document = head.at("end_of_document").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("the definition's first line is not what was written: {}", error.what()), stored_tiktoken,
                "the token store was edited or damaged: import the text again", ExitCode::data);
  }
  return make_tiktoken_tokenizer(parts.file, encoding, stored_tiktoken);
}

std::int32_t first_free_id(std::string_view file, const std::string& where) { return read_tiktoken_ranks(file, where).tokens.end(); }

}  // namespace ergon
