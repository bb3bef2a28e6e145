// SPDX-License-Identifier: Apache-2.0
// The packing of a data set on disk (FORMAT.md): made once by `ergon data pack`, bound by hashes to the stores it was made from and to
// itself. It is a function of document lengths, split and T alone, so a table that is lost is made again, byte for byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"
#include "trainer/data/document_packing.hpp"
#include "trainer/data/store_catalogue.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {

struct PackingTable {
  Split split = Split::train;
  std::int64_t sequence = 0;
  std::vector<std::string> stores;    // content hashes, in the order of the data set
  std::vector<PackedSamples> packed;  // by store
  std::string hash() const;           // SHA-256 over all of it
};

PackingTable make_packing_table(const std::vector<std::unique_ptr<TokenStore>>& stores, Split split, std::int64_t sequence);

// Complete under its name, or not there. Throws Error: the file exists (unless it is to be replaced).
void write_packing_table(const std::string& path, const PackingTable& table, Storage& storage, Existing existing);

// What a reader asks of the file.
const std::vector<std::string>& packing_table_datasets();
// Throws Error (ExitCode::data) that names the file and what is wrong in it.
PackingTable read_packing_table(const std::string& path, Storage& storage);

// Puts the table into `catalogue`. Read with patience (trainer/data/patience).
void add_packing_table(const std::string& path, StoreCatalogue& catalogue, Storage& storage);

// Collective: rank 0 reads, and everybody's `catalogue` has what it read, in messages of at most `message`. Throws AgreedError on every
// rank for a file that rank 0 refuses.
void share_packing_table(const std::string& path, StoreCatalogue& catalogue, Storage& storage, Communicator& control,
                         Bytes message = catalogue_message);

// Throws Error (data.packing_table, ExitCode::data) unless the table at `path` was made from these stores for this split and sequence, and
// every piece lies in its store.
void check_packing_table(const PackingTable& table, const std::string& path, const std::vector<std::unique_ptr<TokenStore>>& stores,
                         Split split, std::int64_t sequence);

}  // namespace ergon
