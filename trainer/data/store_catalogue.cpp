// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/store_catalogue.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "parallel/communicator.hpp"
#include "trainer/data/dataset_file.hpp"
#include "trainer/data/patience.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {
namespace {

// One list of what an index holds, for both ends of the message.
template <typename Info, typename Visit>
void each_attribute(Info& info, const Visit& visit) {
  visit("uuid", info.uuid);
  visit("content_hash", info.content_hash);
  visit("tokenizer_kind", info.tokenizer_kind);
  visit("tokenizer_sha256", info.tokenizer_sha256);
  visit("vocabulary", info.vocabulary);
  visit("eod", info.eod);
  visit("bos", info.bos);
  visit("pad", info.pad);
  visit("tokens", info.tokens);
  visit("documents", info.documents);
  visit("crc_block", info.crc_block);
  visit("token_bytes", info.token_bytes);
}

template <typename Tables, typename Visit>
void each_table(Tables& tables, const Visit& visit) {
  visit(tables.offsets);
  for (auto& ranges : tables.splits) visit(ranges);
  visit(tables.crc);
  visit(tables.tokenizer);
  visit(tables.sources);
  visit(tables.answers);
  if (!tables.foreign) return;
  visit(tables.foreign->description);
  visit(tables.foreign->header);
  visit(tables.foreign->sequences);
  visit(tables.foreign->documents);
  visit(tables.foreign->modes);
}

nlohmann::json head_of(const TokenStoreIndex& index) {
  nlohmann::json head = {
      {"data_offset", index.data_offset}, {"file_bytes", index.file_bytes}, {"foreign", index.tables.foreign.has_value()}};
  each_attribute(index.info, [&](const char* name, const auto& value) { head["info"][name] = value; });
  each_table(index.tables, [&](const auto& table) { head["tables"].push_back(table.size()); });
  return head;
}

// With tables of the right sizes, whose content is still to come.
std::shared_ptr<TokenStoreIndex> index_from(const nlohmann::json& head) {
  auto index = std::make_shared<TokenStoreIndex>();
  head.at("data_offset").get_to(index->data_offset);
  head.at("file_bytes").get_to(index->file_bytes);
  each_attribute(index->info, [&](const char* name, auto& value) { head.at("info").at(name).get_to(value); });
  if (head.at("foreign").get<bool>()) index->tables.foreign.emplace();
  std::size_t next = 0;
  each_table(index->tables, [&](auto& table) { table.resize(head.at("tables").at(next++).get<std::size_t>()); });
  return index;
}

// A path is bytes, not always UTF-8.
std::vector<std::uint8_t> bytes_of_path(const std::string& path) { return {path.begin(), path.end()}; }
std::string path_from(const nlohmann::json& bytes) {
  const auto path = bytes.get<std::vector<std::uint8_t>>();
  return {path.begin(), path.end()};
}

nlohmann::json head_of(const StoreCatalogue& catalogue) {
  nlohmann::json head = nlohmann::json::array();
  for (const auto& [path, stores] : catalogue.all()) {
    nlohmann::json entries = nlohmann::json::array();
    for (const auto& [place, index] : stores)
      entries.push_back({{"path", bytes_of_path(place.path)},
                         {"dataset", bytes_of_path(place.dataset)},
                         {"content_hash", place.content_hash},
                         {"index", head_of(*index)}});
    head.push_back({{"path", bytes_of_path(path)}, {"stores", entries}});
  }
  return head;
}

template <typename Table>
void broadcast(Table& table, Communicator& control, Bytes message) {
  auto* values = const_cast<typename Table::value_type*>(table.data());  // those of rank 0 are only read
  share_bytes(control, std::as_writable_bytes(std::span(values, table.size())), message);
}

}  // namespace

const std::vector<StoreCatalogue::Entry>& StoreCatalogue::of(const std::string& path) const {
  const auto found = stores_.find(path);
  ERGON_CHECK(found != stores_.end(), "{} was not catalogued", path);
  return found->second;
}

const StoreCatalogue::Packing& StoreCatalogue::packing(const std::string& path) const {
  const auto found = packings_.find(path);
  ERGON_CHECK(found != packings_.end(), "{} was not catalogued", path);
  return found->second;
}

StoreCatalogue read_store_catalogue(const std::vector<std::string>& paths, Storage& storage) {
  StoreCatalogue catalogue;
  std::map<std::string, std::shared_ptr<const TokenStoreIndex>> read;
  for (const std::string& path : paths) {
    if (catalogue.all().contains(path)) continue;
    std::vector<StoreCatalogue::Entry> stores;
    for (const StorePlace& place : patiently([&] { return store_places({path}, storage); })) {
      // A shard that is also named alone is read as a shard: what its dataset file says of it is checked.
      auto& index = read[place.path + "\n" + place.content_hash];
      if (!index) index = patiently([&] { return read_token_store_index(place, open_token_store(place, storage), storage); });
      stores.push_back({place, index});
    }
    catalogue.add(path, std::move(stores));
  }
  return catalogue;
}

StoreCatalogue share_store_catalogue(const std::vector<std::string>& paths, Storage& storage, Communicator& control, Bytes message) {
  StoreCatalogue catalogue;
  const std::string text = on_rank_zero(control, [&] {
    catalogue = read_store_catalogue(paths, storage);
    return head_of(catalogue).dump();
  });
  std::vector<std::shared_ptr<TokenStoreIndex>> received;
  const nlohmann::json head = nlohmann::json::parse(text);
  for (const nlohmann::json& named : head) {
    const std::string path = path_from(named.at("path"));
    std::vector<StoreCatalogue::Entry> stores;
    for (const nlohmann::json& entry : named.at("stores")) {
      if (control.rank() == 0) {
        each_table(catalogue.of(path)[stores.size()].index->tables, [&](const auto& table) { broadcast(table, control, message); });
        stores.push_back(catalogue.of(path)[stores.size()]);
        continue;
      }
      const std::shared_ptr<TokenStoreIndex> index = index_from(entry.at("index"));
      each_table(index->tables, [&](auto& table) { broadcast(table, control, message); });
      stores.push_back({{path_from(entry.at("path")), path_from(entry.at("dataset")), entry.at("content_hash")}, index});
    }
    if (control.rank() != 0) catalogue.add(path, std::move(stores));
  }
  return catalogue;
}

}  // namespace ergon
