// SPDX-License-Identifier: Apache-2.0
// Writes a token store document by document: they go to a spool beside the output, and to the store when all are known
// (token_store_file). Equal documents give equal bytes. Memory: 8 bytes a document.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/data/token_store.hpp"
#include "trainer/data/tokenizer.hpp"
#include "trainer/storage.hpp"

namespace ergon {

enum class Existing { refuse, replace };

class TokenStoreWriter {
 public:
  // Throws Error when `path` exists and `existing` is refuse. `tokenizer` and `storage` outlive the writer.
  TokenStoreWriter(const std::string& path, const Tokenizer& tokenizer, Storage& storage, Existing existing = Existing::refuse);
  TokenStoreWriter(const TokenStoreWriter&) = delete;
  TokenStoreWriter& operator=(const TokenStoreWriter&) = delete;
  ~TokenStoreWriter();  // removes what finish() did not complete

  // A document without its eod, which is added here. `answer`: its first token that counts as a label; all writers of a store give one or
  // none does.
  void add(std::span<const std::int32_t> ids, Split split, std::optional<std::int64_t> answer = {});
  // A document in parts, whose last token is its eod, if it has one.
  void append(std::span<const std::int32_t> ids);
  void end_document(Split split, std::optional<std::int64_t> answer = {});  // one that has no token is left out
  // `sources`: JSON. Throws Error when there is no document. The file exists under its name when this returns.
  TokenStoreInfo finish(const std::string& sources, std::optional<ForeignOrigin> foreign = {});

 private:
  void put(std::int32_t id);
  void flush();

  std::string path_, spool_path_;
  const Tokenizer& tokenizer_;
  Storage& storage_;
  TokenStoreInfo info_;
  TokenStoreTables tables_;
  Storage::File spool_;
  std::vector<std::byte> buffer_;  // whole blocks
  std::int64_t spooled_ = 0;       // bytes
};

}  // namespace ergon
