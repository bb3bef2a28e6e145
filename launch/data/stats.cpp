// SPDX-License-Identifier: Apache-2.0
// `ergon data stats`: lengths of documents, frequent tokens, duplicates.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "launch/data/count_progress.hpp"
#include "launch/data/split_words.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/statistics.hpp"

namespace ergon {
namespace {

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

void print_stats_json(const StoreStatistics& statistics, const Tokenizer& tokenizer, const std::string& store) {
  nlohmann::json lengths = nlohmann::json::array(), top = nlohmann::json::array();
  for (std::size_t i = 0; i < statistics.lengths.size(); ++i)
    lengths.push_back({{"from", std::int64_t{1} << i}, {"to", (std::int64_t{2} << i) - 1}, {"documents", statistics.lengths[i]}});
  for (const TokenCount& token : statistics.top)
    top.push_back({{"id", token.id}, {"count", token.count}, {"text", tokenizer.decode({&token.id, 1})}});
  const nlohmann::json result = {
      {"schema", "ergon.data_stats.v1"},
      {"store", store},
      {"documents", statistics.documents},
      {"tokens", statistics.tokens},
      {"document_tokens", {{"shortest", statistics.shortest}, {"median", statistics.median}, {"longest", statistics.longest}}},
      {"lengths", lengths},
      {"top_tokens", top},
      {"different_tokens", statistics.different_tokens},
      {"duplicate_documents", statistics.duplicates}};
  std::cout << result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

void print_stats_text(const StoreStatistics& statistics, const Tokenizer& tokenizer, const std::string& store) {
  fmt::print("{}: {} documents, {} tokens; a document has {} to {}, half of them at most {}\n", store, statistics.documents,
             statistics.tokens, statistics.shortest, statistics.longest, statistics.median);
  const std::int64_t most = statistics.lengths.empty() ? 1 : *std::ranges::max_element(statistics.lengths);
  for (std::size_t i = 0; i < statistics.lengths.size(); ++i)
    fmt::print("  {:>12} tokens and more {:>12} {}\n", std::int64_t{1} << i, statistics.lengths[i],
               std::string(static_cast<std::size_t>(40 * statistics.lengths[i] / most), '#'));
  fmt::print("  {} different tokens of {}; the most frequent:\n", statistics.different_tokens, tokenizer.vocabulary());
  for (const TokenCount& token : statistics.top)
    fmt::print("  {:>12} {:>14} {:>7.3f} %  {}\n", token.id, token.count,
               100 * static_cast<double>(token.count) / static_cast<double>(statistics.tokens), quoted(tokenizer.decode({&token.id, 1})));
  fmt::print("  {} documents repeat one before them\n", statistics.duplicates);
}

}  // namespace

int command_data_stats(int argc, char** argv) {
  StoreLine line("ergon data stats", "lengths of documents, frequent tokens, duplicates; reads every token");
  std::int64_t top = 20;
  std::string split = "all";
  line.option(top, "--top", "N", "tokens listed");
  line.choice(split, "--split", split_choices(), "of which documents");
  if (!line.parse(argc, argv)) return 0;
  if (top < 0) throw Error(fmt::format("{} tokens cannot be listed", top), "--top", "give 0 or more");
  Storage storage(hdf5_helper());
  const TokenStores stores = open_stores({line.store}, storage);
  StoreStatistics statistics;
  {
    CountPrinter printer("count", stderr, style_of(stderr));
    statistics =
        store_statistics(stores, split_of_choice(split), top, [&](std::int64_t done, std::int64_t total) { printer.show(done, total); });
  }
  (line.json ? print_stats_json : print_stats_text)(statistics, *stores.front()->tokenizer(), line.store);
  return 0;
}

}  // namespace ergon
