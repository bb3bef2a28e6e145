// SPDX-License-Identifier: Apache-2.0
// A tiktoken rank file: a line for each token, its bytes in base64, a space, its rank, which is its id. Two tokens merge where their bytes
// together are a token, in the order of ranks.
#pragma once

#include <string>
#include <string_view>

#include "trainer/data/tokenizers/byte_pair_model.hpp"

namespace ergon {

// Whether the first line reads so.
bool looks_like_tiktoken_ranks(std::string_view text);

// Throws Error (ExitCode::data) that names `where` and the line, for what does not read, for a token or rank that comes twice, and when
// a byte of UTF-8 is no token.
BytePairModel read_tiktoken_ranks(std::string_view text, const std::string& where);

}  // namespace ergon
