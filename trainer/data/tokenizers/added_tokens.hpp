// SPDX-License-Identifier: Apache-2.0
// Tokens that a tokenizer.json adds to its model. Those that are special are never read out of text: a document that spells one is text
// (the package does so with `encode_special_tokens`). The others are, with their flags, as the package finds them: some in the text as it
// stands, some after normalization.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/data/tokenizers/component.hpp"
#include "trainer/data/tokenizers/normalizer.hpp"
#include "trainer/data/tokenizers/token_matcher.hpp"
#include "trainer/data/tokenizers/token_table.hpp"

namespace ergon {

struct AddedToken {
  std::int32_t id = -1;
  std::string content;
  bool single_word = false;  // only where no word character is beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it
  bool normalized = true;    // found after normalization, in its normalized form
  bool special = false;
};

// The list under "added_tokens". `vocabulary` are the model's tokens; those that are not among them are added to it, and must have the
// ids that the package gives them. Throws Error (ExitCode::data).
std::vector<AddedToken> read_added_tokens(const nlohmann::json& list, TokenTable& vocabulary, const std::string& file);

class AddedTokens {
 public:
  enum class Stage { as_it_stands, normalized };
  // A stretch of text: a token (id >= 0), or what is left between.
  using Sink = std::function<void(std::string_view text, std::int32_t id)>;

  AddedTokens() = default;
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer);

  // The stretches of `text` in order, none of them empty.
  void cut(std::string_view text, Stage stage, const Sink& sink) const;

 private:
  struct Found {
    TokenMatcher matcher;
    std::vector<AddedToken> tokens;
  };
  Found found_[2];  // by Stage
};

}  // namespace ergon
