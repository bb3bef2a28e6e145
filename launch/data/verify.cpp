// SPDX-License-Identifier: Apache-2.0
// `ergon data verify`: reads a whole token store, or every shard of a dataset, and checks every checksum and id.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/dataset_file.hpp"

namespace ergon {

int command_data_verify(int argc, char** argv) {
  StoreLine line("ergon data verify", "read a whole token store and check every checksum and id");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  std::int64_t tokens = 0, documents = 0, shards = 0;
  std::string content_hash;
  for (const StorePlace& place : store_places({line.store}, storage)) {
    const TokenStore store(place, storage);
    store.verify();
    store.tokenizer();
    tokens += store.info().tokens;
    documents += store.info().documents;
    content_hash = store.info().content_hash;
    ++shards;
  }
  // A dataset is named by its uuid, which is made from the content hashes.
  const bool dataset = is_dataset_file(line.store);
  const std::string identity = dataset ? read_dataset(line.store, storage).uuid() : content_hash;
  if (line.json) {
    nlohmann::ordered_json result = {
        {"schema", "ergon.data_verify.v1"}, {"store", line.store}, {"sound", true}, {"tokens", tokens}, {"documents", documents}};
    if (dataset) result["shards"] = shards;
    result[dataset ? "uuid" : "content_hash"] = identity;
    std::cout << result.dump(2) << std::endl;
    return 0;
  }
  fmt::print("{}: sound ({}{} tokens, {} documents, {} {})\n", line.store, dataset ? fmt::format("{} shards, ", shards) : "", tokens,
             documents, dataset ? "uuid" : "content hash", identity);
  return 0;
}

}  // namespace ergon
