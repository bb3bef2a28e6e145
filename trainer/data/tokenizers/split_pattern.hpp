// SPDX-License-Identifier: Apache-2.0
// What a part of a tokenizer.json looks for: {"String": "x"} or {"Regex": "x+"}.
#pragma once

#include <string>

#include "trainer/data/tokenizers/component.hpp"
#include "trainer/data/tokenizers/regex.hpp"

namespace ergon {

// Of the key `pattern`. Throws Error (ExitCode::data) for anything else under it.
Regex read_pattern(Component& component);

// Every match in `text` gives way to `content`.
void replace_matches(std::string& text, const Regex& pattern, const std::string& content, RegexScratch& scratch);

}  // namespace ergon
