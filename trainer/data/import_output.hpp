// SPDX-License-Identifier: Apache-2.0
// Where an import puts what it made: one token store, or shards and the dataset file that lists them. A dataset appears when its file
// does: shards are made in the work folder, moved beside it, and listed last.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "trainer/data/ingest.hpp"
#include "trainer/data/shards.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {

// tokens.h5: one store where one shard suffices, else tokens.json and its shards tokens-00000.h5 and so on. tokens.json: always those.
struct ImportOutput {
  std::string store;    // empty: a dataset was asked for
  std::string dataset;  // the file
  std::string stem;     // both without their suffix

  explicit ImportOutput(const std::string& path);
  std::string work_folder() const { return stem + ".ingest"; }
  std::string shard_name(std::size_t shard) const;  // without the folder
  // Throws Error (ExitCode::config) when something has one of the names and `existing` is refuse, or the first shard's name, whatever it
  // is, and the dataset in this one's place does not list it; (ExitCode::data) when it is replace and the file in the dataset's place is
  // none.
  void check(Existing existing, Storage& storage) const;
  void check_names() const;  // of shards, which a dataset file can list
};

struct WrittenOutput {
  std::string path;  // what data.train names
  std::vector<TokenStoreInfo> stores;
};

// `sources` gives the JSON of a shard. A shard that an import before this one finished in the work folder is kept. `progress` is told the
// bytes of tokens that were moved, of two passes over them. Throws Error (ExitCode::config) before anything is written or replaced when a
// shard would be written over a file that is not of the dataset in this one's place.
WrittenOutput write_output(const ImportOutput& output, const std::string& work_folder, const SpooledDocuments& documents,
                           const std::vector<ShardPlan>& plans, const Tokenizer& tokenizer,
                           const std::function<std::string(const ShardPlan&)>& sources, Storage& storage,
                           const std::function<void(std::int64_t)>& progress);

}  // namespace ergon
