// SPDX-License-Identifier: Apache-2.0
// Ids that another system wrote, into a token store. The store keeps how they stood there, so that export_original writes the same bytes.
//
// What is a document: of megatron, what its table of documents says (empty ones are left out of the store's documents and kept in the
// table); of the others, what lies between ids `eod`. nanoGPT ends documents with it, llm.c begins them with it. Without an eod the whole
// file is one document.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "configs/quantities.hpp"
#include "trainer/data/foreign/foreign_file.hpp"
#include "trainer/data/split_choice.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {

enum class EodPlace : std::uint8_t { end, start };  // of a document

struct IdsImportOptions {
  std::string input = {}, output = {};
  std::optional<ForeignFormat> format = {};  // nullopt: found out
  std::optional<TokenDtype> dtype = {};      // nullopt: what the file says
  const Tokenizer* tokenizer = nullptr;      // that made the ids; null: not known, then the two that follow count
  std::int64_t vocabulary = 0;               // 0: the largest id and one
  std::int32_t eod = -1;                     // -1: none
  EodPlace eod_place = EodPlace::end;
  SplitFractions fractions = {};
  std::optional<Split> split = {};  // of all documents; nullopt: by their ids and the fractions
  Existing existing = Existing::refuse;
};

struct IdsImportSummary {
  TokenStoreInfo store;
  ForeignFormat format;
  TokenDtype dtype;
  std::int64_t documents[3] = {}, tokens[3] = {};  // by Split
};

// Throws Error: what open_foreign and TokenStoreWriter throw; an id outside the vocabulary, with its place.
IdsImportSummary import_ids(const IdsImportOptions& options, Storage& storage,
                            const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace ergon
