// SPDX-License-Identifier: Apache-2.0
// The tokenizer of ids of which nobody named the tokenizer: it knows how many there are, encodes nothing, and decodes an id to <id>.
#pragma once

#include <memory>
#include <string>

#include "trainer/data/tokenizer.hpp"

namespace ergon {

inline constexpr const char* ids_tokenizer_kind = "ids";

// eod: -1 for none.
std::unique_ptr<Tokenizer> make_ids_tokenizer(std::int64_t vocabulary, std::int32_t eod);
// Of definition() of one of these: "VOCABULARY EOD". Throws Error (ExitCode::data) for any other text.
std::unique_ptr<Tokenizer> make_ids_tokenizer(const std::string& definition);

}  // namespace ergon
