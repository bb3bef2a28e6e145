// SPDX-License-Identifier: Apache-2.0
// The files that define a tokenizer, and a text encoded and decoded with what comes of them. The first byte says which: t ranks of a
// tiktoken file and, behind a line that holds a full stop, the pattern that splits text; h a tokenizer.json; g a vocab.json and, behind
// such a line, a merges.txt; s a model of SentencePiece, whose own library is not guided by coverage.
#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/data/tokenizers/gpt2_files.hpp"
#include "trainer/data/tokenizers/huggingface_tokenizer.hpp"
#include "trainer/data/tokenizers/tiktoken_tokenizer.hpp"

namespace ergon::fuzz {

namespace {

constexpr std::string_view border = "\n.\n";
constexpr const char* end_of_document = "<|end|>";
constexpr std::string_view sample =
    "The hand's  2 handles, 1999 of them:\n\n\t\xC3\x9C"
    "ber \xE2\x80\x9Cthere\xE2\x80\x9D e\xCC\x81 \xE4\xB8\xAD\xE6\x96\x87 \xF0\x9F\x98\x80 <|end|> \xE2\x96\x81";

std::unique_ptr<Tokenizer> open(char kind, std::string_view first, std::string_view second) {
  if (kind == 't') {
    const std::int32_t end = first_free_id(first, "ranks");
    return make_tiktoken_tokenizer(first, {std::string(second), {{end_of_document, end}}, end_of_document}, "ranks");
  }
  if (kind == 'g') return make_huggingface_tokenizer(gpt2_tokenizer_json(first, second, "folder"), end_of_document, "folder");
  if (kind == 's') return make_sentencepiece_tokenizer(std::string(first));
  return make_huggingface_tokenizer(first, end_of_document, "tokenizer.json");
}

}  // namespace

void read(std::string_view input) {
  if (input.empty() || std::string_view("thgs").find(input[0]) == std::string_view::npos) return;
  const std::string_view text = input.substr(1), first = text.substr(0, input[0] == 's' ? text.npos : text.find(border));
  const std::string_view second = text.substr(std::min(text.size(), first.size() + border.size()));
  try {
    const auto tokenizer = open(input[0], first, second);
    std::vector<std::int32_t> ids;
    tokenizer->encode(sample, ids);
    for (const std::int32_t id : ids) ERGON_CHECK(id >= 0 && id < tokenizer->vocabulary(), "id {} of {}", id, tokenizer->vocabulary());
    tokenizer->decode(ids);
    const auto again = make_tokenizer(tokenizer->kind(), tokenizer->definition());
    ERGON_CHECK(again->eod() == tokenizer->eod(), "the end of documents is {}, then {}", tokenizer->eod(), again->eod());
  } catch (const Error&) {
  }
}

std::vector<std::string_view> words() {
  return {"{",
          "}",
          "[",
          "]",
          "\"",
          ":",
          ",",
          "\n",
          " ",
          "null",
          "true",
          "-1",
          "4294967295",
          "\"model\":",
          "\"vocab\":",
          "\"merges\":",
          "\"normalizer\":",
          "\"pre_tokenizer\":",
          "\"decoder\":",
          "\"post_processor\":",
          "\"added_tokens\":",
          "\"type\":\"BPE\"",
          "\"type\":\"Sequence\"",
          "\"type\":\"ByteLevel\"",
          "\"type\":\"Split\"",
          "\"type\":\"Metaspace\"",
          "\"type\":\"Digits\"",
          "\"type\":\"NFC\"",
          "\"type\":\"Prepend\"",
          "\"type\":\"Replace\"",
          "\"type\":\"ByteFallback\"",
          "\"type\":\"Fuse\"",
          "\"type\":\"Strip\"",
          "\"Regex\":\"",
          "\"String\":\"",
          "\"behavior\":\"Isolated\"",
          "\"unk_token\":",
          "\"byte_fallback\":true",
          "\"ignore_merges\":true",
          "\"fuse_unk\":true",
          "\\\\p{L}",
          "\\p{N}{1,3}",
          "(?!\\S)",
          "(?i:",
          "(a+)+",
          "[^",
          "++",
          "\\u00ff",
          "<0x41>",
          "<|end|>",
          "#version: 0.2\n",
          "IQ==",
          "=",
          "\n.\n",
          "\x0A\x0E\x0A\x05<unk>\x15",
          "\x18\x06",
          "<0xFF>",
          "\xC8\x02"};
}

}  // namespace ergon::fuzz
