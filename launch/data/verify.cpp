// SPDX-License-Identifier: Apache-2.0
// `ergon data verify`: reads a whole token store, or every shard of a dataset, and checks every checksum and id. What is wrong with one
// shard keeps it from none.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "launch/data/store_line.hpp"
#include "launch/failure.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/dataset_file.hpp"

namespace ergon {
namespace {

struct VerifiedStores {
  std::int64_t tokens = 0, documents = 0, stores = 0;
  std::string content_hash;  // of the last
  nlohmann::ordered_json unsound = nlohmann::ordered_json::array();
};

void verify_store(const StorePlace& place, Storage& storage, VerifiedStores& verified) {
  // Attributes and tables are read when the store is opened: from the device, too.
  storage.drop_cache(open_token_store(place, storage));
  const TokenStore store(place, storage);
  store.verify();
  store.tokenizer();
  verified.tokens += store.info().tokens;
  verified.documents += store.info().documents;
  verified.content_hash = store.info().content_hash;
}

// What is found wrong is said at once: the stores behind it may take hours.
VerifiedStores verify_stores(const std::string& path, Storage& storage) {
  VerifiedStores verified;
  for (const StorePlace& place : store_places({path}, storage)) {
    ++verified.stores;
    try {
      verify_store(place, storage, verified);
    } catch (const Error& error) {
      if (error.code() != ExitCode::data) throw;
      std::fputs(describe_failure(std::current_exception()).text.c_str(), stderr);
      verified.unsound.push_back({{"store", place.path}, {"problem", error.problem()}});
    }
  }
  return verified;
}

}  // namespace

int command_data_verify(int argc, char** argv) {
  StoreLine line("ergon data verify", "read a whole token store and check every checksum and id");
  line.footer("Every shard of a dataset is read, whatever is wrong with others; exit code 3 when something is.\n");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  const VerifiedStores verified = verify_stores(line.store, storage);
  const bool dataset = is_dataset_file(line.store), sound = verified.unsound.empty();
  // A dataset is named by its uuid, which is made from the content hashes.
  const std::string identity = dataset ? read_dataset(line.store, storage).uuid() : verified.content_hash;
  if (line.json) {
    nlohmann::ordered_json result = {{"schema", "ergon.data_verify.v1"}, {"store", line.store}, {"sound", sound}};
    if (sound) {
      result["tokens"] = verified.tokens;
      result["documents"] = verified.documents;
    }
    if (dataset) result["shards"] = verified.stores;
    if (sound) result[dataset ? "uuid" : "content_hash"] = identity;
    if (!sound) result["unsound"] = verified.unsound;
    // A path may be no UTF-8.
    std::cout << result.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
  } else if (sound) {
    fmt::print("{}: sound ({}{} tokens, {} documents, {} {})\n", line.store, dataset ? fmt::format("{} shards, ", verified.stores) : "",
               verified.tokens, verified.documents, dataset ? "uuid" : "content hash", identity);
  } else {
    fmt::print("{}: not sound{}\n", line.store, dataset ? fmt::format(" ({} of {} shards)", verified.unsound.size(), verified.stores) : "");
  }
  return static_cast<int>(sound ? ExitCode::ok : ExitCode::data);
}

}  // namespace ergon
