// SPDX-License-Identifier: Apache-2.0
// GPT-2's two files, vocab.json and merges.txt, as the tokenizer.json that says the same.
#pragma once

#include <string>
#include <string_view>

namespace ergon {

// Throws Error (ExitCode::data) that names `folder` for a vocabulary that is no JSON object and a line of merges that is not two tokens.
std::string gpt2_tokenizer_json(std::string_view vocabulary, std::string_view merges, const std::string& folder);

}  // namespace ergon
