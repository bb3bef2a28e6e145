// SPDX-License-Identifier: Apache-2.0
// The tokenizer of a tiktoken file, exact to `Encoding.encode_ordinary` of the package: special tokens are never read out of text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "trainer/data/tokenizer.hpp"
#include "trainer/data/tokenizers/tiktoken_encodings.hpp"

namespace ergon {

// kind "tiktoken". `file`: the ranks. Throws Error (ExitCode::data) that names `where`: for ranks or a pattern that do not read, a special
// token whose id a rank has, and an end_of_document that is no special token.
std::unique_ptr<Tokenizer> make_tiktoken_tokenizer(std::string_view file, const TiktokenEncoding& encoding, const std::string& where);

// From what a store keeps.
std::unique_ptr<Tokenizer> make_tiktoken_tokenizer(const std::string& definition);

// The first id after those of the ranks: where a special token goes that the file's makers did not number.
std::int32_t first_free_id(std::string_view file, const std::string& where);

}  // namespace ergon
