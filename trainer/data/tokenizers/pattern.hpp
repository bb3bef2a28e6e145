// SPDX-License-Identifier: Apache-2.0
// Patterns that split text, from the syntax of a reference tokenizer to PCRE2's. Where the same signs mean the same they stay; \s, \d and
// \p{..} become classes of the reference's Unicode version (property_class.hpp); what PCRE2 would read otherwise than the reference, and
// what is not known here, is refused by name.
#pragma once

#include <string>
#include <string_view>

namespace ergon {

enum class PatternDialect {
  rust,       // of the package `tiktoken` (fancy-regex)
  oniguruma,  // of the package `tokenizers`
};

// `where` is what an Error names. Throws Error (ExitCode::data).
std::string pcre_pattern(std::string_view pattern, PatternDialect dialect, const std::string& where);

// Every sign of `text` as itself.
std::string pcre_literal(std::string_view text);

}  // namespace ergon
