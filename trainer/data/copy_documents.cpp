// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/copy_documents.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/data/dataset_file.hpp"
#include "trainer/data/foreign/ids_tokenizer.hpp"

namespace ergon {
namespace {

constexpr std::int64_t piece = 1 << 18;  // tokens
constexpr int deepest_sources = 1000;    // a store made of others has theirs inside its own, three levels deeper each time

// Of every document, where it stands now.
std::vector<Split> splits_of(const TokenStore& store) {
  std::vector<Split> splits(static_cast<std::size_t>(store.info().documents));
  for (Split split : all_splits)
    for (const DocumentRange& range : store.split(split))
      std::fill(splits.begin() + static_cast<std::ptrdiff_t>(range.begin), splits.begin() + static_cast<std::ptrdiff_t>(range.end), split);
  return splits;
}

std::string sources_of(const TokenStores& stores) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& store : stores) list.push_back({{"uuid", store->info().uuid}, {"sources", parsed_sources(*store)}});
  return nlohmann::json({{"stores", list}}).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

TokenStores open_stores(const std::vector<std::string>& paths, Storage& storage) {
  TokenStores stores;
  for (const StorePlace& place : store_places(paths, storage)) {
    const std::string& path = place.path;
    stores.push_back(std::make_unique<TokenStore>(place, storage));
    const TokenStore& first = *stores.front();
    if (stores.back()->info().tokenizer_sha256 != first.info().tokenizer_sha256)
      throw Error(fmt::format("{} and {} were made with different tokenizers", first.path(), path), path, "import them with one tokenizer",
                  ExitCode::data);
    for (std::size_t other = 0; other + 1 < stores.size(); ++other)
      if (stores[other]->info().uuid == stores.back()->info().uuid)
        throw Error(fmt::format("{} and {} hold the same tokens (uuid {})", stores[other]->path(), path, stores[other]->info().uuid), path,
                    "name each store once", ExitCode::data);
  }
  return stores;
}

nlohmann::json parsed_sources(const TokenStore& store) {
  auto sources = try_parse_shallow<nlohmann::json>(store.sources(), deepest_sources);
  if (sources.is_discarded())
    throw Error("its /sources is no JSON, or nests too deep", store.path(), "the token store was edited: import the text again",
                ExitCode::data);
  return sources;
}

std::vector<DocumentRange> documents_of(const TokenStore& store, std::optional<Split> split) {
  if (!split) return {{0, static_cast<std::uint64_t>(store.info().documents)}};
  return {store.split(*split).begin(), store.split(*split).end()};
}

void read_document(const TokenStore& store, std::uint64_t document, const std::function<void(std::span<const std::int32_t>)>& take) {
  std::vector<std::int32_t> ids;
  const auto end = static_cast<std::int64_t>(store.offsets()[document + 1]);
  for (auto begin = static_cast<std::int64_t>(store.offsets()[document]); begin < end; begin += std::ssize(ids)) {
    ids.resize(static_cast<std::size_t>(std::min(piece, end - begin)));
    store.read(begin, ids);
    take(ids);
  }
}

CopySummary copy_documents(const std::vector<std::string>& inputs, const std::string& output, Existing existing, Storage& storage,
                           const ChooseSplit& choose, const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  if (inputs.empty()) throw Error("no store", "data", "name a token store");
  const auto stores = open_stores(inputs, storage);
  std::int64_t total = 0, done = 0;
  bool answered = false;
  for (const auto& store : stores) {
    total += store->info().tokens;
    answered = answered || !store->answers().empty();
  }
  const auto tokenizer = stores.front()->tokenizer();
  TokenStoreWriter writer(output, *tokenizer, storage, existing);
  CopySummary summary;
  for (const auto& store : stores) {
    const std::vector<Split> now = splits_of(*store);
    for (std::uint64_t d = 0; d < now.size(); ++d) {
      const auto tokens = static_cast<std::int64_t>(store->offsets()[d + 1] - store->offsets()[d]);
      done += tokens;
      const std::optional<Split> split = choose(*store, d, now[d]);
      if (progress) progress(done, total);
      if (!split) {
        ++summary.left_out;
        continue;
      }
      read_document(*store, d, [&](std::span<const std::int32_t> ids) { writer.append(ids); });
      std::optional<std::int64_t> answer;
      if (answered) answer = store->answers().empty() ? 0 : static_cast<std::int64_t>(store->answers()[d]);
      writer.end_document(*split, answer);
      ++summary.documents[static_cast<std::size_t>(*split)];
      summary.tokens[static_cast<std::size_t>(*split)] += tokens;
    }
  }
  summary.store = writer.finish(sources_of(stores));
  return summary;
}

Split split_again(const TokenStore& store, const Tokenizer& tokenizer, std::uint64_t document, const SplitFractions& fractions) {
  Sha256 hash;
  if (tokenizer.kind() == ids_tokenizer_kind) {
    read_document(store, document, [&](std::span<const std::int32_t> ids) { hash.add(std::as_bytes(ids)); });
  } else {
    std::vector<std::int32_t> whole;
    read_document(store, document, [&](std::span<const std::int32_t> ids) { whole.insert(whole.end(), ids.begin(), ids.end()); });
    hash.add(tokenizer.decode(whole));
  }
  return split_at(split_place(hash), fractions);
}

// The first half of a SHA-256: among 2^40 documents two that differ share it with a chance below 2^-48.
struct SeenDocuments::Hashes {
  using Hash = std::array<std::uint64_t, 2>;
  struct First {
    std::size_t operator()(const Hash& hash) const { return hash[0]; }
  };
  std::unordered_set<Hash, First> set;
};

SeenDocuments::SeenDocuments() : hashes_(std::make_unique<Hashes>()) {}
SeenDocuments::~SeenDocuments() = default;

bool SeenDocuments::seen(const TokenStore& store, std::uint64_t document) {
  Sha256 hash;
  read_document(store, document, [&](std::span<const std::int32_t> ids) { hash.add(std::as_bytes(ids)); });
  return seen(hash);
}

bool SeenDocuments::seen(Sha256& ids) {
  const auto digest = ids.digest();
  Hashes::Hash half;
  std::memcpy(half.data(), digest.data(), sizeof half);
  return !hashes_->set.insert(half).second;
}

}  // namespace ergon
