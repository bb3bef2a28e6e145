// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/dataset_file.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/data/token_store_format.hpp"

namespace ergon {
namespace {

constexpr const char* dataset_schema = "ergon.dataset.v1";
constexpr std::int64_t largest_file = 64 << 20;                  // bytes: half a million shards
constexpr std::int64_t most_in_a_shard = std::int64_t{1} << 40;  // tokens or documents: the sum over so many shards fits 64 bits

[[noreturn]] void refuse_dataset(const std::string& what, const std::string& path) {
  throw Error(what, path, "the dataset file was edited or damaged: import the text again, or name the shards one by one", ExitCode::data);
}

Shard shard_from(const nlohmann::json& json, const std::string& path) {
  Shard shard;
  shard.name = json.at("file").get<std::string>();
  shard.uuid = json.at("uuid").get<std::string>();
  shard.content_hash = json.at("content_hash").get<std::string>();
  shard.tokens = json.at("n_tokens").get<std::int64_t>();
  shard.documents = json.at("n_docs").get<std::int64_t>();
  if (!is_plain_name(shard.name)) refuse_dataset(fmt::format("the file name '{}' is refused", shown_name(shard.name)), path);
  if (shard.tokens < 1 || shard.documents < 1) refuse_dataset(fmt::format("lists {} without tokens or documents", shard.name), path);
  if (shard.tokens > most_in_a_shard || shard.documents > most_in_a_shard)
    refuse_dataset(fmt::format("lists {} with more tokens or documents than a file can hold", shard.name), path);
  return shard;
}

}  // namespace

std::string Dataset::uuid() const {
  Sha256 hash;
  for (const Shard& shard : shards) hash.add(shard.content_hash + "\n");
  return uuid_of(hash.hex());
}

std::int64_t Dataset::tokens() const {
  return std::transform_reduce(shards.begin(), shards.end(), std::int64_t{0}, std::plus(), [](const Shard& shard) { return shard.tokens; });
}

std::int64_t Dataset::documents() const {
  return std::transform_reduce(shards.begin(), shards.end(), std::int64_t{0}, std::plus(),
                               [](const Shard& shard) { return shard.documents; });
}

bool is_dataset_file(const std::string& path) { return path.ends_with(".json"); }

std::string to_json(const Dataset& dataset) {
  nlohmann::ordered_json shards = nlohmann::ordered_json::array();
  for (const Shard& shard : dataset.shards)
    shards.push_back({{"file", shard.name},
                      {"uuid", shard.uuid},
                      {"content_hash", shard.content_hash},
                      {"n_tokens", shard.tokens},
                      {"n_docs", shard.documents}});
  return nlohmann::ordered_json({{"schema", dataset_schema},
                                 {"uuid", dataset.uuid()},
                                 {"tokenizer_kind", dataset.tokenizer_kind},
                                 {"tokenizer_sha256", dataset.tokenizer_sha256},
                                 {"n_tokens", dataset.tokens()},
                                 {"n_docs", dataset.documents()},
                                 {"shards", shards}})
             .dump(1) +
         "\n";
}

Dataset read_dataset(const std::string& path, Storage& storage) {
  const Storage::File file = open_token_store({path}, storage);
  if (storage.size(file) > largest_file) refuse_dataset(fmt::format("has {} bytes, more than any dataset file", storage.size(file)), path);
  const std::string text = storage.read_text(file);
  Dataset dataset;
  try {
    const auto json =
        nlohmann::json::parse(text, shallow<nlohmann::json>([&] { refuse_dataset("nests deeper than a dataset file does", path); }));
    if (const auto found = json.at("schema").get<std::string>(); found != dataset_schema)
      refuse_dataset(fmt::format("has the schema '{}', not {}", shown_name(found), dataset_schema), path);
    dataset.tokenizer_kind = json.at("tokenizer_kind").get<std::string>();
    dataset.tokenizer_sha256 = json.at("tokenizer_sha256").get<std::string>();
    std::set<std::string> names;
    for (const auto& one : json.at("shards")) {
      dataset.shards.push_back(shard_from(one, path));
      if (!names.insert(dataset.shards.back().name).second) refuse_dataset("lists " + dataset.shards.back().name + " twice", path);
    }
    if (dataset.shards.empty()) refuse_dataset("lists no shard", path);
    if (json.at("uuid").get<std::string>() != dataset.uuid() || json.at("n_tokens").get<std::int64_t>() != dataset.tokens() ||
        json.at("n_docs").get<std::int64_t>() != dataset.documents())
      refuse_dataset("its uuid or totals are not those of the shards that it lists", path);
  } catch (const nlohmann::json::exception& error) {
    refuse_dataset(fmt::format("is not a dataset file ({})", error.what()), path);
  }
  return dataset;
}

std::vector<StorePlace> store_places(const std::vector<std::string>& paths, Storage& storage) {
  std::vector<StorePlace> places;
  for (const std::string& path : paths) {
    if (!is_dataset_file(path)) {
      places.push_back({path});
      continue;
    }
    // The folder may be reached through a link; a shard may not be one.
    std::string folder = parent_folder(path);
    std::error_code ignored;
    if (std::filesystem::is_symlink(folder, ignored)) folder = std::filesystem::canonical(folder, ignored).string();
    for (const Shard& shard : read_dataset(path, storage).shards) places.push_back({folder + "/" + shard.name, path, shard.content_hash});
  }
  return places;
}

}  // namespace ergon
