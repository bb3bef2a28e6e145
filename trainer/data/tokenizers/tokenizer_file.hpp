// SPDX-License-Identifier: Apache-2.0
// A tokenizer out of a file that a person names: `--tokenizer KIND:PATH`, or the path alone where the file shows what it is.
#pragma once

#include <memory>
#include <string>

#include "trainer/data/tokenizer.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct TokenizerFile {
  // "sentencepiece:FILE", "tiktoken:FILE", "huggingface:FILE" (a tokenizer.json), "gpt2:FOLDER" (vocab.json and merges.txt), or a path:
  // of a folder that holds tokenizer.json, or else these two; of a file that begins as one of the others do; else SentencePiece.
  std::string name;
  // The text of the special token that ends a document; empty: the one that the file's makers use, where that is known.
  std::string end_of_document;
  // Of a tiktoken file: "gpt2", "cl100k", "o200k", "llama3", or a regular expression; empty: that of a published file.
  std::string pattern;
};

// Throws Error: (ExitCode::config, --tokenizer and its companions) for a name that is nothing of these and for options that do not go with
// it; (ExitCode::data) for a file that does not read.
std::unique_ptr<Tokenizer> open_tokenizer(const TokenizerFile& file, Storage& storage);

}  // namespace ergon
