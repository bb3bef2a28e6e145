// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/huggingface_tokenizer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/added_tokens.hpp"
#include "trainer/data/tokenizers/decoder.hpp"
#include "trainer/data/tokenizers/huggingface_model.hpp"
#include "trainer/data/tokenizers/normalizer.hpp"
#include "trainer/data/tokenizers/pre_tokenizer.hpp"
#include "trainer/data/tokenizers/scratch_pool.hpp"
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

namespace ergon {
namespace {

using nlohmann::json;

const std::string stored_huggingface = "tokenizer huggingface";  // where, when a definition of a store is at fault

// What published files call the token after a document.
constexpr const char* usual_ends[] = {"<|endoftext|>",
                                      "<|end_of_text|>",
                                      "</s>",
                                      "<eos>",
                                      "<EOT>",
                                      "<\xEF\xBD\x9C"
                                      "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"};

// A post-processor puts special tokens around a text that is asked for them; here none is.
void check_post_processor(const json& part, const std::string& where) {
  Component component(part, "post_processor", where);
  static constexpr const char* known[] = {"ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing", "Sequence"};
  if (const std::string type = component.type(); std::ranges::find(known, type) == std::end(known))
    component.refuse(fmt::format("is of type '{}'", type));
}

struct Parts {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Decoder decoder;
  HuggingFaceModel model;
  std::vector<AddedToken> added;
};

Parts read_parts(const json& whole, const std::string& where) {
  Component file(whole, "the file", where);
  Parts parts;
  file.ignore("version");
  for (const char* changes : {"truncation", "padding"})
    if (file.part(changes) != nullptr) file.refuse(fmt::format("has a '{}', which would change documents", changes));
  if (const json* part = file.part("post_processor")) check_post_processor(*part, where);
  if (const json* part = file.part("normalizer")) parts.normalizer = Normalizer(*part, "normalizer", where);
  if (const json* part = file.part("pre_tokenizer")) parts.pre_tokenizer = PreTokenizer(*part, "pre_tokenizer", where);
  if (const json* part = file.part("decoder")) parts.decoder = Decoder(*part, "decoder", where);
  const json* model = file.part("model");
  if (model == nullptr) file.refuse("has no 'model'");
  parts.model = read_huggingface_model(
      *model, parts.pre_tokenizer.byte_level() ? BytePairModel::Symbols::bytes : BytePairModel::Symbols::characters, where);
  if (file.part("added_tokens") != nullptr) parts.added = read_added_tokens(file.array("added_tokens"), parts.model.texts, where);
  file.done();
  return parts;
}

std::string choose_end(const Parts& parts, const std::string& where) {
  std::vector<std::string> found;
  for (const char* name : usual_ends)
    if (parts.model.texts.find(name) != TokenTable::none) found.push_back(name);
  if (found.size() == 1) return found[0];
  std::string special;
  std::size_t listed = 0;
  for (const AddedToken& token : parts.added)
    if (token.special && ++listed <= 8) special += (special.empty() ? "" : " ") + token.content;
  throw Error(found.empty() ? std::string("has no token of the usual names that ends documents")
                            : fmt::format("has more than one token that may end documents: {}", fmt::join(found, " ")),
              where, fmt::format("name one: --end-of-document TOKEN{}", special.empty() ? "" : " (special tokens: " + special + ")"));
}

class HuggingFaceTokenizer final : public Tokenizer {
 public:
  HuggingFaceTokenizer(std::string_view text, const std::string& end_of_document, const std::string& where)
      : parts_(read_parts(bounded_json(text, where), where)) {
    const std::string end = end_of_document.empty() ? choose_end(parts_, where) : end_of_document;
    eod_ = parts_.model.texts.find(end);
    if (eod_ == TokenTable::none)
      throw Error(fmt::format("has no token '{}' to end documents", end), where, "name a token of the file with --end-of-document");
    definition_ = join_definition({{"end_of_document", end}}, text);
    // What ends documents must not come out of one.
    for (AddedToken& token : parts_.added) token.special = token.special || token.id == eod_;
    special_.resize(static_cast<std::size_t>(parts_.model.texts.end()));
    special_[static_cast<std::size_t>(eod_)] = true;
    for (const AddedToken& token : parts_.added)
      if (token.special) special_[static_cast<std::size_t>(token.id)] = true;
    added_ = AddedTokens(parts_.added, parts_.normalizer);
  }

  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    const auto scratch = scratch_.lend();
    const PieceSink merge = [&](const TextPiece& piece) { parts_.model.model.encode(piece.text, ids, scratch->piece); };
    const auto cut_normalized = [&](std::string_view normalized, bool first) {
      added_.cut(normalized, AddedTokens::Stage::normalized, [&](std::string_view part, std::int32_t id) {
        if (id >= 0)
          ids.push_back(id);
        else
          parts_.pre_tokenizer.run({part, first && part.data() == normalized.data()}, scratch->regex, merge);
      });
    };
    added_.cut(text, AddedTokens::Stage::as_it_stands, [&](std::string_view part, std::int32_t id) {
      const bool first = part.data() == text.data();
      if (id >= 0) return ids.push_back(id);
      if (parts_.normalizer.empty()) return cut_normalized(part, first);
      std::string normalized(part);
      parts_.normalizer.apply(normalized, scratch->regex);
      cut_normalized(normalized, first);
    });
  }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::vector<std::string> tokens;
    for (const std::int32_t id : ids) {
      if (id < 0 || id >= vocabulary())
        throw Error(fmt::format("token id {} is outside the vocabulary of {}", id, vocabulary()), stored_huggingface,
                    "the tokens are of another tokenizer, or damaged: `ergon data verify`", ExitCode::data);
      if (parts_.model.texts.has(id) && !special_[static_cast<std::size_t>(id)]) tokens.emplace_back(parts_.model.texts.bytes(id));
    }
    const auto scratch = scratch_.lend();
    return parts_.decoder.apply(std::move(tokens), scratch->regex);
  }

  std::string kind() const override { return "huggingface"; }
  std::string definition() const override { return definition_; }
  std::int64_t vocabulary() const override { return parts_.model.texts.end(); }
  std::int32_t eod() const override { return eod_; }
  std::int32_t bos() const override { return -1; }
  std::int32_t pad() const override { return -1; }

 private:
  struct Scratch {
    RegexScratch regex;
    PieceScratch piece;
  };
  Parts parts_;
  AddedTokens added_;
  std::string definition_;
  std::int32_t eod_ = TokenTable::none;
  std::vector<bool> special_;  // by id: gives no text
  mutable ScratchPool<Scratch> scratch_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_huggingface_tokenizer(std::string_view text, const std::string& end_of_document, const std::string& where) {
  return std::make_unique<HuggingFaceTokenizer>(text, end_of_document, where);
}

std::unique_ptr<Tokenizer> make_huggingface_tokenizer(const std::string& definition) {
  const DefinitionParts parts = split_definition(definition, stored_huggingface);
  const json head = bounded_json(parts.head, stored_huggingface);
  if (!head.is_object() || !head.contains("end_of_document") || !head["end_of_document"].is_string())
    throw Error("the definition's first line does not say what ends documents", stored_huggingface,
                "the token store was edited or damaged: import the text again", ExitCode::data);
  return make_huggingface_tokenizer(parts.file, head["end_of_document"].get<std::string>(), stored_huggingface);
}

}  // namespace ergon
