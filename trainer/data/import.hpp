// SPDX-License-Identifier: Apache-2.0
// Text to a token store, or to the shards of a dataset. Deterministic: equal input and options give equal bytes, at any time, on any
// machine, under any path, with any number of threads, and after any number of kills.
//
// Empty documents are left out and counted; so are duplicates and ill-formed UTF-8 where that is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/data/import_output.hpp"
#include "trainer/data/ingest.hpp"
#include "trainer/data/ingest_folder.hpp"
#include "trainer/data/tokenizers/tokenizer_file.hpp"

namespace ergon {

struct ImportOptions {
  DocumentOptions documents;
  std::string output;
  Existing existing = Existing::refuse;
  Begin begin = Begin::resume;                  // standard input always begins afresh
  TokenizerFile tokenizer = {"bytes", "", ""};  // its name may be "bytes" or "sentencepiece" (trained on the input) too
  std::int64_t vocabulary = 4096;               // of a SentencePiece model that is trained
  Bytes training_text{32 << 20};                // at most about so much of the input trains it: whole documents, drawn by their hash
  SplitFractions splits;
  InvalidUtf8 invalid_utf8 = InvalidUtf8::replace;
  bool deduplicate = false;
  ShardLimits shards;
  int threads = 0;  // workers; 0: one a core
};

struct ImportSummary {
  std::string written;   // what data.train names
  TokenStoreInfo store;  // of a dataset: its totals and uuid
  std::int64_t shards = 1;
  std::int64_t files = 0;
  Bytes text{};                                                                     // of the documents after repair
  std::int64_t empty_documents = 0, duplicates = 0, invalid_documents = 0;          // left out
  std::int64_t repaired_documents = 0, replaced_sequences = 0, replaced_bytes = 0;  // invalid documents are in the last two
  std::int64_t documents[3] = {}, tokens[3] = {};                                   // by Split
};

ImportSummary import_text(const ImportOptions& options, Storage& storage, const ProgressSink& progress = {});

// Whether an import that failed with this output can go on: there is a work folder with a plan.
std::string resumable_folder(const ImportOptions& options, Storage& storage);

}  // namespace ergon
