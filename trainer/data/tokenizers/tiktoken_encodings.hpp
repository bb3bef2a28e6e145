// SPDX-License-Identifier: Apache-2.0
// A tiktoken file holds ranks only. What belongs to the published ones, the pattern that splits text and the special tokens, stands here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ergon {

struct TiktokenEncoding {
  std::string pattern;  // in tiktoken's syntax
  std::map<std::string, std::int32_t> special_tokens;
  std::string end_of_document;  // one of them; empty: to be named
};

// The encoding of a published file, by the file's SHA-256.
std::optional<TiktokenEncoding> tiktoken_encoding_of(const std::string& sha256);

// The pattern called "gpt2", "cl100k", "o200k" or "llama3"; empty for another name.
std::string tiktoken_pattern(std::string_view name);

}  // namespace ergon
