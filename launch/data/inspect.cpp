// SPDX-License-Identifier: Apache-2.0
// `ergon data inspect`: what a token store or dataset holds: attributes, splits, where it came from, how it begins.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/copy_documents.hpp"
#include "trainer/data/dataset_file.hpp"

namespace ergon {
namespace {

nlohmann::json split_counts(const TokenStores& stores, Split split) {
  std::uint64_t documents = 0, tokens = 0;
  for (const auto& store : stores)
    for (const DocumentRange& range : store->split(split)) {
      documents += range.end - range.begin;
      tokens += store->offsets()[range.end] - store->offsets()[range.begin];
    }
  return {{"documents", documents}, {"tokens", tokens}};
}

// What the shards of a dataset share, and what they come to.
TokenStoreInfo info_of(const TokenStores& stores, const std::string& path, Storage& storage) {
  TokenStoreInfo info = stores.front()->info();
  if (!is_dataset_file(path)) return info;
  const Dataset dataset = read_dataset(path, storage);
  info.uuid = dataset.uuid();
  info.content_hash = "";
  info.tokens = dataset.tokens();
  info.documents = dataset.documents();
  return info;
}

nlohmann::json shards_of(const TokenStores& stores) {
  nlohmann::json shards = nlohmann::json::array();
  for (const auto& store : stores)
    shards.push_back({{"file", store->path()},
                      {"uuid", store->info().uuid},
                      {"n_tokens", store->info().tokens},
                      {"n_docs", store->info().documents},
                      {"sources", parsed_sources(*store)}});
  return shards;
}

nlohmann::json attributes_of(const TokenStoreInfo& info) {
  return {{"uuid", info.uuid},
          {"content_hash", info.content_hash},
          {"tokenizer_kind", info.tokenizer_kind},
          {"vocab_size", info.vocabulary},
          {"eod_id", info.eod},
          {"bos_id", info.bos},
          {"pad_id", info.pad},
          {"n_tokens", info.tokens},
          {"n_docs", info.documents},
          {"crc_block", info.crc_block},
          {"tokenizer_sha256", info.tokenizer_sha256},
          {"token_bytes", info.token_bytes}};
}

}  // namespace

int command_data_inspect(int argc, char** argv) {
  StoreLine line("ergon data inspect", "what a token store holds");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  const TokenStores stores = open_stores({line.store}, storage);
  const TokenStore& store = *stores.front();
  std::vector<std::int32_t> first(static_cast<std::size_t>(std::min<std::int64_t>(store.info().tokens, 64)));
  store.read(0, first);
  const std::string text = store.tokenizer()->decode(first);
  nlohmann::json splits;
  for (Split split : all_splits) splits[name(split)] = split_counts(stores, split);
  const bool dataset = is_dataset_file(line.store);
  nlohmann::json attributes = attributes_of(info_of(stores, line.store, storage));
  if (dataset) attributes.erase("content_hash");
  if (line.json) {
    nlohmann::json result = {{"schema", "ergon.data_inspect.v1"},
                             {"store", line.store},
                             {"attributes", attributes},
                             {"splits", splits},
                             {"first_tokens", first},
                             {"first_text", text}};
    if (dataset)
      result["shards"] = shards_of(stores);
    else
      result["sources"] = parsed_sources(store);
    std::cout << result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    return 0;
  }
  fmt::print("{}\n", line.store);
  for (const auto& [key, value] : attributes.items())
    fmt::print("  {:<17} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  for (const auto& [key, value] : splits.items())
    fmt::print("  split {:<11} {} documents, {} tokens\n", key, value["documents"].get<std::int64_t>(),
               value["tokens"].get<std::int64_t>());
  if (dataset)
    for (const auto& shard : stores)
      fmt::print("  shard {} {} documents, {} tokens\n", shard->path(), shard->info().documents, shard->info().tokens);
  fmt::print("  begins with       {}\n", nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

}  // namespace ergon
