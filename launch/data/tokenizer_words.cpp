// SPDX-License-Identifier: Apache-2.0
#include "launch/data/tokenizer_words.hpp"

#include "configs/error.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {

void TokenizerWords::add_to(CommandLine& line) {
  line.option(store_, "--tokenizer-of", "STORE", "a token store that was made with the tokenizer");
  line.option(file_.name, "--tokenizer", "NAME", "bytes, or the tokenizer's file: KIND:PATH or PATH, as `ergon data import` has it");
  line.option(file_.end_of_document, "--end-of-document", "TOKEN",
              "the token that ends a document, where the tokenizer's file leaves it open");
  line.option(file_.pattern, "--tokenizer-pattern", "PATTERN", "what splits text before a tiktoken file, as `ergon data import` has it");
}

std::unique_ptr<Tokenizer> TokenizerWords::open(Storage& storage) const {
  if (!file_.name.empty() && !store_.empty())
    throw Error("two tokenizers are named", "--tokenizer, --tokenizer-of", "leave one of them out");
  if (file_.name.empty() && !(file_.end_of_document.empty() && file_.pattern.empty()))
    throw Error("--end-of-document and --tokenizer-pattern concern a tokenizer that comes from a file", "--tokenizer", "name the file");
  if (!store_.empty()) return TokenStore(store_, storage).tokenizer();
  if (file_.name.empty()) return nullptr;
  return file_.name == "bytes" ? make_bytes_tokenizer() : open_tokenizer(file_, storage);
}

}  // namespace ergon
