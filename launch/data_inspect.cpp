// SPDX-License-Identifier: Apache-2.0
// `ergon data inspect`: what a token store holds: attributes, splits, where it came from, how it begins.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "launch/store_line.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {
namespace {

nlohmann::json split_counts(const TokenStore& store, Split split) {
  std::uint64_t documents = 0, tokens = 0;
  for (const DocumentRange& range : store.split(split)) {
    documents += range.end - range.begin;
    tokens += store.offsets()[range.end] - store.offsets()[range.begin];
  }
  return {{"documents", documents}, {"tokens", tokens}};
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
  const TokenStore store(line.store, storage);
  std::vector<std::int32_t> first(static_cast<std::size_t>(std::min<std::int64_t>(store.info().tokens, 64)));
  store.read(0, first);
  const std::string text = store.tokenizer()->decode(first);
  nlohmann::json splits;
  for (Split split : all_splits) splits[name(split)] = split_counts(store, split);
  const nlohmann::json attributes = attributes_of(store.info());
  if (line.json) {
    const nlohmann::json result = {{"schema", "ergon.data_inspect.v1"},
                                   {"store", line.store},
                                   {"attributes", attributes},
                                   {"splits", splits},
                                   {"sources", nlohmann::json::parse(store.sources(), nullptr, false)},
                                   {"first_tokens", first},
                                   {"first_text", text}};
    std::cout << result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    return 0;
  }
  fmt::print("{}\n", line.store);
  for (const auto& [key, value] : attributes.items())
    fmt::print("  {:<17} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  for (const auto& [key, value] : splits.items())
    fmt::print("  split {:<11} {} documents, {} tokens\n", key, value["documents"].get<std::int64_t>(),
               value["tokens"].get<std::int64_t>());
  fmt::print("  begins with       {}\n", nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

}  // namespace ergon
