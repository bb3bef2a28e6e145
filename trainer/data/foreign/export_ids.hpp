// SPDX-License-Identifier: Apache-2.0
// Token stores as files that other systems read. Tokens lie in the order of the stores; of one split, in the order of its documents.
// `original` writes the files of which the store was imported, byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/data/copy_documents.hpp"
#include "trainer/data/foreign/foreign_file.hpp"

namespace ergon {

struct IdsExportOptions {
  std::string output = {};                   // of megatron: the name without .bin and .idx
  std::optional<ForeignFormat> format = {};  // nullopt: the original files
  std::optional<TokenDtype> dtype =
      {};                           // nullopt: the narrowest of uint16 and (megatron) int32 or (others) uint32 that holds the vocabulary
  std::optional<Split> split = {};  // nullopt: all documents
  Existing existing = Existing::refuse;
};

struct IdsExportSummary {
  std::vector<std::string> files;
  ForeignFormat format;
  TokenDtype dtype;
  std::int64_t tokens = 0, documents = 0;
};

// A file exists under its name when it is complete; of megatron the index comes last. Throws Error: a store that has no original, an
// original of several stores or of which a split is asked for, a type that cannot hold the vocabulary, an output that exists, nothing to
// write.
IdsExportSummary export_ids(const TokenStores& stores, const IdsExportOptions& options, Storage& storage);

}  // namespace ergon
