// SPDX-License-Identifier: Apache-2.0
// Documents of token stores into another store: what `ergon data split` and `ergon data merge` do. Documents keep their order, their ids
// and their answers.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "trainer/data/split_choice.hpp"
#include "trainer/data/token_store.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {

// The stores that these paths name, a dataset file as its shards. Throws Error: stores of different tokenizers, the same store twice.
using TokenStores = std::vector<std::unique_ptr<TokenStore>>;
TokenStores open_stores(const std::vector<std::string>& paths, Storage& storage);

// What the store's /sources says. Throws Error (ExitCode::data) where it is no JSON, or nests deeper than any row of merges.
nlohmann::json parsed_sources(const TokenStore& store);

// The documents of a split, or all of them (nullopt).
std::vector<DocumentRange> documents_of(const TokenStore& store, std::optional<Split> split);

// The ids of a document, a piece at a time: one may be longer than memory.
void read_document(const TokenStore& store, std::uint64_t document, const std::function<void(std::span<const std::int32_t> ids)>& take);

// Where a document goes; nullopt: it is left out.
using ChooseSplit = std::function<std::optional<Split>(const TokenStore& store, std::uint64_t document, Split now)>;

struct CopySummary {
  TokenStoreInfo store;
  std::int64_t left_out = 0;                       // documents
  std::int64_t documents[3] = {}, tokens[3] = {};  // by Split
};

// One store of the documents of several. Throws Error: what open_stores and the writer throw, no document left.
CopySummary copy_documents(const std::vector<std::string>& inputs, const std::string& output, Existing existing, Storage& storage,
                           const ChooseSplit& choose, const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

// By the text of the document, as an import would have chosen; by the ids where the tokenizer is not known.
// `tokenizer`: the store's.
Split split_again(const TokenStore& store, const Tokenizer& tokenizer, std::uint64_t document, const SplitFractions& fractions);

// Says of a document whether one with the same ids came before, over all stores that it is asked about. Keeps 16 bytes a document.
class SeenDocuments {
 public:
  SeenDocuments();
  ~SeenDocuments();
  bool seen(const TokenStore& store, std::uint64_t document);
  bool seen(Sha256& ids);  // of a document's ids as int32, where they are read anyway; ends the hash

 private:
  struct Hashes;
  std::unique_ptr<Hashes> hashes_;
};

}  // namespace ergon
