// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import_output.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/data/ingest_folder.hpp"

namespace ergon {
namespace {

std::string without(const std::string& path, std::string_view suffix) {
  return path.ends_with(suffix) ? path.substr(0, path.size() - suffix.size()) : path;
}

// Made before anything appears under the output's name: what is there afterwards is the import's own.
std::string publishing(const std::string& work_folder) { return work_folder + "/" + publishing_name; }

// Names of shards that this import may replace and remove: those that the dataset in its place lists, and those of the mark: of a dataset
// whose list an import that was killed had removed, or moved there by that import itself.
std::set<std::string> own_shards(const ImportOutput& output, const std::string& work_folder, Storage& storage) {
  std::set<std::string> own;
  if (storage.exists(output.dataset))
    for (const Shard& shard : read_dataset(output.dataset, storage).shards) own.insert(shard.name);
  if (storage.exists(publishing(work_folder))) {
    std::istringstream names(storage.read_text(publishing(work_folder)));
    for (std::string name; std::getline(names, name);)
      if (is_plain_name(name)) own.insert(name);
  }
  return own;
}

// The first `shards` names. A file of such a name that is not the import's own is a store that somebody named so, or a shard of a dataset
// whose file was renamed: --force does not mean it either.
void refuse_foreign_shards(const ImportOutput& output, std::size_t shards, const std::string& work_folder, Storage& storage) {
  const std::string folder = parent_folder(output.dataset);
  std::vector<std::string> there;
  for (std::size_t shard = 0; shard < shards; ++shard)
    if (storage.exists(folder + "/" + output.shard_name(shard))) there.push_back(output.shard_name(shard));
  if (there.empty()) return;
  const std::set<std::string> own = own_shards(output, work_folder, storage);
  for (const std::string& name : there)
    if (!own.contains(name))
      throw Error(fmt::format("already exists, and is no shard of {}, which would be written over it", output.dataset), folder + "/" + name,
                  "name another output, or move this file away");
}

// Returns what own_shards does, with the first `shards` names, and writes it into the mark, for an import that goes on where one was
// killed. The mark is synced: were it lost in a power cut, shards that had moved would be taken for somebody else's.
std::set<std::string> begin_publishing(const ImportOutput& output, std::size_t shards, const std::string& work_folder, Storage& storage) {
  refuse_foreign_shards(output, shards, work_folder, storage);
  std::set<std::string> own = own_shards(output, work_folder, storage);
  for (std::size_t shard = 0; shard < shards; ++shard) own.insert(output.shard_name(shard));
  std::string text;
  for (const std::string& name : own) text += name + "\n";
  storage.write_text(publishing(work_folder), text);
  return own;
}

void remove_shards(const std::string& folder, const std::set<std::string>& names, Storage& storage) {
  for (const std::string& name : names)
    if (storage.exists(folder + "/" + name)) storage.unlink(folder + "/" + name);
}

// What a finished shard in the work folder was made of.
nlohmann::json record_of(const ShardPlan& plan, const std::string& sources) {
  return {
      {"begin", plan.begin}, {"end", plan.end}, {"documents", plan.documents}, {"tokens", plan.tokens}, {"sources", sha256_hex(sources)}};
}

// A shard in the work folder: taken as it is when its record says so, else written.
TokenStoreInfo shard_at(const std::string& path, const ShardPlan& plan, const std::string& sources, Storage& storage,
                        const std::function<TokenStoreInfo()>& write) {
  const std::string record_path = path + ".done";
  nlohmann::json record = record_of(plan, sources);
  if (storage.exists(record_path) && storage.exists(path)) {
    const auto found = try_parse_shallow<nlohmann::json>(storage.read_text(record_path));
    if (found.is_object() && found.value("plan", nlohmann::json()) == record &&
        found.value("bytes", std::int64_t{-1}) == storage.size(path)) {
      TokenStoreInfo info;
      info.content_hash = found.at("content_hash").get<std::string>();
      info.uuid = found.at("uuid").get<std::string>();
      info.tokens = plan.tokens;
      info.documents = plan.documents;
      return info;
    }
  }
  const TokenStoreInfo info = write();
  storage.write_text(
      record_path,
      nlohmann::json({{"plan", record}, {"bytes", storage.size(path)}, {"content_hash", info.content_hash}, {"uuid", info.uuid}}).dump());
  return info;
}

// Moves the shards to their place and lists them; those of a dataset that is replaced go.
void publish(const ImportOutput& output, const std::string& work_folder, const Dataset& dataset, Storage& storage) {
  const std::string folder = parent_folder(output.dataset);
  std::set<std::string> replaced = begin_publishing(output, dataset.shards.size(), work_folder, storage);
  if (storage.exists(output.dataset)) {
    storage.unlink(output.dataset);
    storage.sync_directory(folder);  // or a power cut leaves the old list over new shards
  }
  for (const Shard& shard : dataset.shards) {
    storage.rename(work_folder + "/" + shard.name, folder + "/" + shard.name);
    replaced.erase(shard.name);
  }
  storage.sync_directory(folder);
  storage.write_text(output.dataset, to_json(dataset));
  // The line named it, and it is not what was made.
  if (!output.store.empty() && storage.exists(output.store)) storage.unlink(output.store);
  remove_shards(folder, replaced, storage);
}

}  // namespace

ImportOutput::ImportOutput(const std::string& path) {
  stem = is_dataset_file(path) ? without(path, ".json") : without(path, ".h5");
  store = is_dataset_file(path) ? "" : path;
  dataset = stem + ".json";
}

std::string ImportOutput::shard_name(std::size_t shard) const {
  return fmt::format("{}-{:05}.h5", stem.substr(stem.rfind('/') + 1), shard);
}

void ImportOutput::check(Existing existing, Storage& storage) const {
  if (store.empty()) check_names();
  // What is replaced must be a dataset: another .json of this name is not ours to remove.
  if (existing == Existing::replace && storage.exists(dataset)) (void)read_dataset(dataset, storage);
  if (existing == Existing::refuse && !storage.exists(publishing(work_folder())))
    for (const std::string& path : {store, dataset})
      if (!path.empty() && storage.exists(path)) throw Error("already exists", path, "name another output, or give --force to replace it");
  if (store.empty()) refuse_foreign_shards(*this, 1, work_folder(), storage);  // how many there will be is known later
}

void ImportOutput::check_names() const {
  if (!is_plain_name(shard_name(0)))
    throw Error(fmt::format("'{}' is no name for shards", shown_name(shard_name(0))), "--output", "use A-Z a-z 0-9 . _ - in the name");
}

WrittenOutput write_output(const ImportOutput& output, const std::string& work_folder, const SpooledDocuments& documents,
                           const std::vector<ShardPlan>& plans, const Tokenizer& tokenizer,
                           const std::function<std::string(const ShardPlan&)>& sources, Storage& storage,
                           const std::function<void(std::int64_t)>& progress) {
  if (plans.size() == 1 && !output.store.empty()) {
    const std::set<std::string> replaced = begin_publishing(output, 0, work_folder, storage);
    WrittenOutput written{output.store, {}};
    written.stores.push_back(write_shard(output.store, documents, plans.front(), tokenizer, sources(plans.front()), storage, progress));
    if (storage.exists(output.dataset)) storage.unlink(output.dataset);
    remove_shards(parent_folder(output.dataset), replaced, storage);
    storage.sync_directory(parent_folder(output.store));
    return written;
  }
  output.check_names();
  refuse_foreign_shards(output, plans.size(), work_folder, storage);
  WrittenOutput written{output.dataset, {}};
  Dataset dataset;
  dataset.tokenizer_kind = tokenizer.kind();
  dataset.tokenizer_sha256 = tokenizer.sha256();
  for (std::size_t s = 0; s < plans.size(); ++s) {
    const std::string name = output.shard_name(s), path = work_folder + "/" + name, text = sources(plans[s]);
    written.stores.push_back(shard_at(path, plans[s], text, storage,
                                      [&] { return write_shard(path, documents, plans[s], tokenizer, text, storage, progress); }));
    const TokenStoreInfo& info = written.stores.back();
    dataset.shards.push_back({name, info.uuid, info.content_hash, info.tokens, info.documents});
  }
  publish(output, work_folder, dataset, storage);
  return written;
}

}  // namespace ergon
