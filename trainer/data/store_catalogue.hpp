// SPDX-License-Identifier: Apache-2.0
// What the stores of a data set hold, apart from their tokens, and packing tables of them: read from the files once, by one process, for
// everybody who reads tokens.
//
// One rank reads and checks offsets, checksums, splits and attributes, and tells the others; whoever then reads tokens opens the file for
// them alone, and who reads none opens nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trainer/data/token_store.hpp"

namespace ergon {

class Communicator;
struct PackingTable;  // trainer/data/packing_table

class StoreCatalogue {
 public:
  struct Entry {
    StorePlace place;
    std::shared_ptr<const TokenStoreIndex> index;  // shared by all who ask for the store
  };
  struct Packing {
    std::shared_ptr<const PackingTable> table;
    std::string hash;  // of it
  };

  // Of a name as it was catalogued: the store, or the shards of a dataset file, in order. Bug for a name that was not.
  const std::vector<Entry>& of(const std::string& path) const;
  void add(const std::string& path, std::vector<Entry> stores) { stores_.insert_or_assign(path, std::move(stores)); }
  const std::map<std::string, std::vector<Entry>>& all() const { return stores_; }
  // Of the file at `path`. Bug for one that was not catalogued.
  const Packing& packing(const std::string& path) const;
  void add_packing(const std::string& path, Packing packing) { packings_.insert_or_assign(path, std::move(packing)); }

 private:
  std::map<std::string, std::vector<Entry>> stores_;  // by name
  std::map<std::string, Packing> packings_;           // by path
};

// From the files. Throws Error (ExitCode::data) for one that is refused.
StoreCatalogue read_store_catalogue(const std::vector<std::string>& paths, Storage& storage);

// Collective: rank 0 reads, and everybody has what it read. Tables go in messages of at most `message`. Throws AgreedError on every rank
// for a file that rank 0 refuses.
inline constexpr Bytes catalogue_message = {std::int64_t{256} << 20};
StoreCatalogue share_store_catalogue(const std::vector<std::string>& paths, Storage& storage, Communicator& control,
                                     Bytes message = catalogue_message);

}  // namespace ergon
