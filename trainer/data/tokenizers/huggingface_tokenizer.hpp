// SPDX-License-Identifier: Apache-2.0
// The tokenizer of a tokenizer.json (model BPE), exact to `Tokenizer.encode(text, add_special_tokens=False)` of the package `tokenizers`
// with `encode_special_tokens = True`: post-processors add nothing to a document, and special tokens are never read out of text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "trainer/data/tokenizer.hpp"

namespace ergon {

// kind "huggingface". `text`: the JSON. `end_of_document`: the token that ends documents; empty: the one of a usual name, where there is
// exactly one. Throws Error (ExitCode::data) that names `where` and the part of the file that this version does not know;
// (ExitCode::config) when the end of documents is to be named.
std::unique_ptr<Tokenizer> make_huggingface_tokenizer(std::string_view text, const std::string& end_of_document, const std::string& where);

// From what a store keeps.
std::unique_ptr<Tokenizer> make_huggingface_tokenizer(const std::string& definition);

}  // namespace ergon
