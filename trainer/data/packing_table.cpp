// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/packing_table.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/data/hdf5_table.hpp"
#include "trainer/data/patience.hpp"
#include "trainer/hdf5.hpp"
#include "trainer/hdf5_contents.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {
namespace {

constexpr std::int64_t version = 1;
constexpr const char* rule = "best-fit-decreasing 1";
constexpr std::size_t hash_digits = 64;

// The datasets of the file: the packed of all stores, one behind the other.
struct Tables {
  std::string stores;                       // content hashes, each with a line feed
  std::vector<std::uint64_t> first_sample;  // by store, and the number of samples
  std::vector<std::uint64_t> first_piece;   // by sample, and the number of pieces
  std::vector<std::uint64_t> begin;         // by piece: its token in the store
  std::vector<std::uint32_t> tokens;        // by piece
};

Tables tables_of(const PackingTable& table) {
  Tables tables;
  tables.first_sample = tables.first_piece = {0};
  for (const std::string& store : table.stores) tables.stores += store + "\n";
  for (const PackedSamples& packing : table.packed) {
    const std::uint64_t pieces = tables.begin.size();
    for (std::size_t s = 1; s < packing.first_piece.size(); ++s) tables.first_piece.push_back(pieces + packing.first_piece[s]);
    tables.first_sample.push_back(tables.first_piece.size() - 1);
    for (const PackedPiece& piece : packing.pieces) {
      tables.begin.push_back(piece.begin);
      tables.tokens.push_back(piece.tokens);
    }
  }
  return tables;
}

struct NamedTable {
  const char* name;
  Hdf5Type type;
  std::span<const std::byte> bytes;
};

std::vector<NamedTable> named(const Tables& tables) {
  return {{"/stores/content_hash", Hdf5Type::u8, bytes_of(tables.stores)},
          {"/stores/first_sample", Hdf5Type::u64, bytes_of(tables.first_sample)},
          {"/samples/first_piece", Hdf5Type::u64, bytes_of(tables.first_piece)},
          {"/pieces/begin", Hdf5Type::u64, bytes_of(tables.begin)},
          {"/pieces/tokens", Hdf5Type::u32, bytes_of(tables.tokens)}};
}

std::string hash_of(const Tables& tables, Split split, std::int64_t sequence) {
  Sha256 hash;
  hash.add(fmt::format("ergon packing {}\nrule={}\nsplit={}\nsequence={}\n", version, rule, name(split), sequence));
  for (const NamedTable& of : named(tables)) {
    hash.add(fmt::format("{} {}\n", of.name, of.bytes.size()));
    hash.add(of.bytes);
  }
  return hash.hex();
}

[[noreturn]] void refuse_table(const std::string& what, const std::string& path) {
  throw Error(what, path, "the table is damaged or was not made by `ergon data pack`: make it again", ExitCode::data);
}

// From 0 to `last`, never falling.
void require_bounds(const std::vector<std::uint64_t>& bounds, std::uint64_t last, const char* dataset, const std::string& path) {
  if (bounds.empty() || bounds.front() != 0 || bounds.back() != last || !std::ranges::is_sorted(bounds))
    refuse_table(fmt::format("{} does not run from 0 to {}", dataset, last), path);
}

PackingTable table_of(const Tables& tables, const std::string& path) {
  if (tables.stores.size() % (hash_digits + 1) != 0 || tables.begin.size() != tables.tokens.size() || tables.first_piece.empty() ||
      tables.first_sample.size() != tables.stores.size() / (hash_digits + 1) + 1)
    refuse_table("has tables whose sizes do not go together", path);
  require_bounds(tables.first_sample, tables.first_piece.size() - 1, "/stores/first_sample", path);
  require_bounds(tables.first_piece, tables.begin.size(), "/samples/first_piece", path);
  PackingTable table;
  for (std::size_t store = 0; store + 1 < tables.first_sample.size(); ++store) {
    table.stores.push_back(tables.stores.substr(store * (hash_digits + 1), hash_digits));
    PackedSamples packing;
    const std::uint64_t first = tables.first_sample[store], last = tables.first_sample[store + 1], piece = tables.first_piece[first];
    for (std::uint64_t s = first; s < last; ++s) packing.first_piece.push_back(tables.first_piece[s + 1] - piece);
    for (std::uint64_t p = piece; p < tables.first_piece[last]; ++p) packing.pieces.push_back({tables.begin[p], tables.tokens[p]});
    table.packed.push_back(std::move(packing));
  }
  return table;
}

// Sums are of at most 2^32 values below 2^32 each.
void check_pieces(const PackedSamples& packing, const TokenStore& store, std::int64_t sequence, const std::string& path) {
  const auto tokens = static_cast<std::uint64_t>(store.info().tokens);
  for (std::int64_t s = 0; s < packing.samples(); ++s) {
    std::uint64_t sum = 0;
    for (const PackedPiece& piece : packing.sample(s)) {
      if (piece.tokens == 0 || piece.begin >= tokens || piece.tokens > tokens - piece.begin)
        refuse_table(fmt::format("sample {} has a piece outside {}", s, store.path()), path);
      sum += piece.tokens;
    }
    if (sum == 0 || sum > static_cast<std::uint64_t>(sequence))
      refuse_table(fmt::format("sample {} has {} tokens, a sequence {}", s, sum, sequence), path);
  }
}

// All but the samples, and how many there are of them.
nlohmann::json packing_head(const PackingTable& table) {
  nlohmann::json sizes = nlohmann::json::array();
  for (const PackedSamples& packing : table.packed) sizes.push_back({packing.first_piece.size(), packing.pieces.size()});
  return {{"split", static_cast<std::size_t>(table.split)},
          {"sequence", table.sequence},
          {"hash", table.hash()},
          {"stores", table.stores},
          {"sizes", sizes}};
}

// With room for the samples, which are still to come.
PackingTable packing_from(const nlohmann::json& head) {
  PackingTable table;
  table.split = all_splits[head.at("split").get<std::size_t>()];
  head.at("sequence").get_to(table.sequence);
  head.at("stores").get_to(table.stores);
  for (const nlohmann::json& sizes : head.at("sizes")) {
    PackedSamples& packing = table.packed.emplace_back();
    packing.first_piece.resize(sizes.at(0).get<std::size_t>());
    packing.pieces.resize(sizes.at(1).get<std::size_t>());
  }
  return table;
}

}  // namespace

std::string PackingTable::hash() const { return hash_of(tables_of(*this), split, sequence); }

PackingTable make_packing_table(const std::vector<std::unique_ptr<TokenStore>>& stores, Split split, std::int64_t sequence) {
  PackingTable table;
  table.split = split;
  table.sequence = sequence;
  for (const auto& store : stores) {
    table.stores.push_back(store->info().content_hash);
    table.packed.push_back(pack_best_fit(store->offsets(), store->split(split), sequence));
  }
  return table;
}

void write_packing_table(const std::string& path, const PackingTable& table, Storage& storage, Existing existing) {
  if (existing == Existing::refuse && storage.exists(path))
    throw Error("already exists", path, "name another output, or give --force to replace it");
  const std::string temporary = path + ".tmp";
  if (storage.exists(temporary)) storage.unlink(temporary);  // of one that was killed
  const Tables tables = tables_of(table);
  Hdf5Layout layout(temporary);
  layout.attribute("/", "ergon_format", std::string("packing"));
  layout.attribute("/", "ergon_version", version);
  layout.attribute("/", "rule", std::string(rule));
  layout.attribute("/", "split", std::string(name(table.split)));
  layout.attribute("/", "sequence", table.sequence);
  layout.attribute("/", "content_hash", table.hash());
  for (const char* group : {"/stores", "/samples", "/pieces"}) layout.group(group);
  std::vector<Hdf5Extent> extents;
  for (const NamedTable& of : named(tables)) extents.push_back(layout.dataset(of.name, of.type, {std::ssize(of.bytes) / size_of(of.type)}));
  layout.close();

  const Storage::File file = storage.open_write(temporary);
  storage.allocate(file, storage.size(file));
  std::size_t next = 0;
  for (const NamedTable& of : named(tables)) {
    const Hdf5Extent& extent = extents[next++];
    if (extent.bytes > 0) storage.pwrite(file, of.bytes, extent.offset);
  }
  storage.sync(file);
  storage.rename(temporary, path);
  storage.sync_directory(parent_folder(path));
}

const std::vector<std::string>& packing_table_datasets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedTable& of : named({})) all.push_back(of.name);
    return all;
  }();
  return names;
}

PackingTable read_packing_table(const std::string& path, Storage& storage) {
  const Storage::File file = storage.open_read(path);
  const Hdf5Contents contents = storage.hdf5(file, packing_table_datasets());
  if (contents.text("ergon_format", path) != "packing") refuse_table("is not a packing table (attribute ergon_format)", path);
  if (const std::int64_t found = contents.integer("ergon_version", path); found != version)
    throw Error(fmt::format("is a packing table of version {}, this Ergon reads version {}", found, version), path,
                "make it again with `ergon data pack`", ExitCode::data);
  if (contents.text("rule", path) != rule) refuse_table("was made by the unknown rule " + contents.text("rule", path), path);
  const std::string split_name = contents.text("split", path);
  const auto* split = std::ranges::find(all_splits, split_name, [](Split of) { return std::string(name(of)); });
  if (split == std::end(all_splits)) refuse_table("is of the unknown split " + split_name, path);

  Tables tables;
  const auto read = [&](const char* dataset, Hdf5Type type, auto& into) {
    read_whole(file, storage, contents.dataset(dataset, type, 1, path), into);
  };
  read("/stores/content_hash", Hdf5Type::u8, tables.stores);
  read("/stores/first_sample", Hdf5Type::u64, tables.first_sample);
  read("/samples/first_piece", Hdf5Type::u64, tables.first_piece);
  read("/pieces/begin", Hdf5Type::u64, tables.begin);
  read("/pieces/tokens", Hdf5Type::u32, tables.tokens);
  const std::int64_t sequence = contents.integer("sequence", path);
  if (const std::string hash = hash_of(tables, *split, sequence); hash != contents.text("content_hash", path))
    refuse_table(
        fmt::format("content hash is {}, the file says {}: attributes or tables were changed", hash, contents.text("content_hash", path)),
        path);
  PackingTable table = table_of(tables, path);
  table.split = *split;
  table.sequence = sequence;
  return table;
}

void add_packing_table(const std::string& path, StoreCatalogue& catalogue, Storage& storage) {
  auto table = std::make_shared<PackingTable>(patiently([&] { return read_packing_table(path, storage); }));
  const std::string hash = table->hash();
  catalogue.add_packing(path, {std::move(table), hash});
}

void share_packing_table(const std::string& path, StoreCatalogue& catalogue, Storage& storage, Communicator& control, Bytes message) {
  auto table = std::make_shared<PackingTable>();
  const std::string text = on_rank_zero(control, [&] {
    *table = patiently([&] { return read_packing_table(path, storage); });
    // What stands in the place of a store's hash and is not UTF-8 comes changed: no store has it, and all refuse the table.
    return packing_head(*table).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  });
  const nlohmann::json head = nlohmann::json::parse(text);
  if (control.rank() != 0) *table = packing_from(head);
  for (PackedSamples& packing : table->packed) {
    share_bytes(control, std::as_writable_bytes(std::span(packing.first_piece)), message);
    share_bytes(control, std::as_writable_bytes(std::span(packing.pieces)), message);
  }
  catalogue.add_packing(path, {std::move(table), head.at("hash")});
}

void check_packing_table(const PackingTable& table, const std::string& path, const std::vector<std::unique_ptr<TokenStore>>& stores,
                         Split split, std::int64_t sequence) {
  const auto other = [&](const std::string& what) {
    return Error(fmt::format("{} {}", path, what), "data.packing_table",
                 fmt::format("make it again: `ergon data pack STORE... --sequence {} -o {}`", sequence, path), ExitCode::data);
  };
  if (table.sequence != sequence) throw other(fmt::format("packs sequences of {}, model.sequence is {}", table.sequence, sequence));
  if (table.split != split) throw other(fmt::format("packs the {} split, not {}", name(table.split), name(split)));
  if (table.stores.size() != stores.size())
    throw other(fmt::format("packs {} stores, data.train has {}", table.stores.size(), stores.size()));
  for (std::size_t i = 0; i < stores.size(); ++i) {
    if (table.stores[i] != stores[i]->info().content_hash)
      throw other(fmt::format("was not made from {} (content hash {}, not {})", stores[i]->path(), table.stores[i],
                              stores[i]->info().content_hash));
    check_pieces(table.packed[i], *stores[i], sequence, path);
  }
}

}  // namespace ergon
