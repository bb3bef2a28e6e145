// SPDX-License-Identifier: Apache-2.0
// `ergon data sample`: documents of a token store as text, drawn at random but the same for the same seed.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "launch/data/split_words.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/copy_documents.hpp"
#include "trainer/data/sampler.hpp"

namespace ergon {
namespace {

struct Drawn {
  const TokenStore& store;
  std::uint64_t document, before;  // within its store; of all stores before that one
};

// Without repetition, in the order drawn.
std::vector<Drawn> draw(const TokenStores& stores, std::optional<Split> split, std::int64_t count, std::int64_t seed) {
  std::vector<Drawn> runs;  // each of documents[i] documents
  std::vector<std::uint64_t> documents;
  std::uint64_t before = 0, all = 0;
  for (const auto& store : stores) {
    for (const DocumentRange& range : documents_of(*store, split)) {
      runs.push_back({*store, range.begin, before});
      documents.push_back(range.end - range.begin);
      all += documents.back();
    }
    before += static_cast<std::uint64_t>(store->info().documents);
  }
  if (all == 0) throw Error(fmt::format("has no document in its split {}", name(*split)), stores.front()->path(), "choose another --split");
  const Sampler sampler(seed, static_cast<std::int64_t>(all));
  std::vector<Drawn> drawn;
  for (std::int64_t i = 0; i < std::min(count, static_cast<std::int64_t>(all)); ++i) {
    auto place = static_cast<std::uint64_t>(sampler.at(0, i));
    std::size_t run = 0;
    for (; place >= documents[run]; ++run) place -= documents[run];
    drawn.push_back({runs[run].store, runs[run].document + place, runs[run].before});
  }
  return drawn;
}

nlohmann::json shown(const Drawn& drawn, const Tokenizer& tokenizer, std::int64_t most) {
  const auto& [store, document, before] = drawn;
  const auto begin = static_cast<std::int64_t>(store.offsets()[document]), end = static_cast<std::int64_t>(store.offsets()[document + 1]);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(std::min(most, end - begin)));
  store.read(begin, ids);
  nlohmann::json json = {
      {"document", before + document}, {"tokens", end - begin}, {"shown", ids.size()}, {"ids", ids}, {"text", tokenizer.decode(ids)}};
  if (!store.answers().empty()) json["answer"] = store.answers()[document];
  return json;
}

}  // namespace

int command_data_sample(int argc, char** argv) {
  StoreLine line("ergon data sample", "documents of a token store as text, drawn at random");
  std::int64_t count = 3, most = 200, seed = 1;
  std::string split = "all";
  line.option(count, "-n,--documents", "N", "documents shown, at most");
  line.option(most, "--tokens", "N", "tokens of each, at most, from its start");
  line.option(seed, "--seed", "N", "another seed draws others");
  line.choice(split, "--split", split_choices(), "of which documents");
  if (!line.parse(argc, argv)) return 0;
  if (count < 1) throw Error(fmt::format("{} documents are too few", count), "--documents", "give at least 1");
  if (most < 1) throw Error(fmt::format("{} tokens are too few", most), "--tokens", "give at least 1");
  Storage storage(hdf5_helper());
  const TokenStores stores = open_stores({line.store}, storage);
  const auto tokenizer = stores.front()->tokenizer();
  nlohmann::json documents = nlohmann::json::array();
  for (const Drawn& drawn : draw(stores, split_of_choice(split), count, seed)) documents.push_back(shown(drawn, *tokenizer, most));
  if (line.json) {
    const nlohmann::json result = {{"schema", "ergon.data_sample.v1"}, {"store", line.store}, {"seed", seed}, {"documents", documents}};
    std::cout << result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    return 0;
  }
  for (const auto& document : documents)
    fmt::print("--- document {} ({} tokens, {} shown)\n{}\n", document["document"].get<std::int64_t>(),
               document["tokens"].get<std::int64_t>(), document["shown"].get<std::int64_t>(), document["text"].get<std::string>());
  return 0;
}

}  // namespace ergon
