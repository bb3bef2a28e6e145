// SPDX-License-Identifier: Apache-2.0
// Text files to a token store. Deterministic: equal input and options give equal bytes, at any time, on any machine, under any path.
//
// A document's split depends on its text alone (first 8 bytes of its SHA-256 as a fraction of 2^64: below `validation` it is validation,
// below validation + test it is test, else train), so documents added later do not move the others, and equal documents never stand in two
// splits. Empty documents are left out and counted; ill-formed UTF-8 is replaced by U+FFFD and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "configs/quantities.hpp"
#include "trainer/data/documents.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {

struct ImportOptions {
  DocumentOptions documents;
  std::string output;
  Existing existing = Existing::refuse;
  std::string tokenizer = "bytes";  // "bytes", "sentencepiece" (trained on the input), or a file (tokenizers/tokenizer_file.hpp)
  std::string end_of_document, tokenizer_pattern;  // TokenizerFile; empty: what the file says
  std::int64_t vocabulary = 4096;                  // of a SentencePiece model that is trained
  Bytes training_text{32 << 20};                   // at most about so much of the input trains it: whole documents, drawn by their hash
  double validation = 0.01, test = 0;              // fractions of the documents
};

struct ImportProgress {
  const char* phase;  // "train tokenizer", "import"
  Bytes done, total;
};

struct ImportSummary {
  TokenStoreInfo store;
  std::int64_t files = 0;
  Bytes text{};  // of the documents after repair
  std::int64_t empty_documents = 0;
  std::int64_t repaired_documents = 0, replaced_sequences = 0;
  std::int64_t documents[3] = {}, tokens[3] = {};  // by Split
};

ImportSummary import_text(const ImportOptions& options, Storage& storage, const std::function<void(const ImportProgress&)>& progress = {});

// The split of a document by its text.
Split split_of(std::string_view text, double validation, double test);

}  // namespace ergon
