// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tiktoken_encodings.hpp"

namespace ergon {
namespace {

constexpr const char* end_of_text = "<|endoftext|>";

struct NamedPattern {
  const char* name;
  const char* pattern;
};

constexpr NamedPattern patterns[] = {
    {"gpt2", R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)"},
    {"cl100k", R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)"},
    {"o200k", R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
              R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
              R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"llama3", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
};

struct PublishedFile {
  const char* sha256;
  const char* pattern;
  std::map<std::string, std::int32_t> special_tokens;
};

const PublishedFile files[] = {
    // gpt2.tiktoken and r50k_base.tiktoken are the same file.
    {"306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930", "gpt2", {{end_of_text, 50256}}},
    {"94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069", "gpt2", {{end_of_text, 50256}}},
    {"223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
     "cl100k",
     {{end_of_text, 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}}},
    {"446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", "o200k", {{end_of_text, 199999}, {"<|endofprompt|>", 200018}}},
};

}  // namespace

std::optional<TiktokenEncoding> tiktoken_encoding_of(const std::string& sha256) {
  for (const PublishedFile& file : files)
    if (sha256 == file.sha256) return TiktokenEncoding{tiktoken_pattern(file.pattern), file.special_tokens, end_of_text};
  return std::nullopt;
}

std::string tiktoken_pattern(std::string_view name) {
  for (const NamedPattern& pattern : patterns)
    if (name == pattern.name) return pattern.pattern;
  return "";
}

}  // namespace ergon
