// SPDX-License-Identifier: Apache-2.0
// General categories of Unicode 16.0, the version that the reference tokenizers (packages `tiktoken` and `tokenizers`) split text by.
// A library's own tables are older or newer than that, and a code point that changes sides changes ids.
//
// Example: U+0041 is Lu, and belongs to the properties "Lu" and "L".
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace ergon {

struct CodePointRange {
  char32_t first, last;
  bool operator==(const CodePointRange&) const = default;
};

// Two letters: "Lu"; surrogates are "Cn", as in text they cannot stand. Above U+10FFFF: "Cn".
std::string_view general_category(char32_t c);

// The code points of a category ("Lu") or of all that begin with a letter ("L"), in order; nothing for another name.
std::optional<std::vector<CodePointRange>> code_points_of(std::string_view property);

// The property White_Space, which is `\s` of both references.
const std::vector<CodePointRange>& white_space();
bool is_white_space(char32_t c);
// `\w` of Rust's regex: alphabetic, marks, decimal digits, connectors, joiners.
bool is_word(char32_t c);
// `char::is_numeric` of Rust, which knows Unicode 17: what the pre-tokenizer Digits splits by.
bool is_numeric(char32_t c);

}  // namespace ergon
