// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "configs/error.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/data/hdf5_table.hpp"
#include "trainer/data/token_store_format.hpp"
#include "trainer/data/widen_ids.hpp"
#include "trainer/hdf5_contents.hpp"

static_assert(std::endian::native == std::endian::little, "token stores are little-endian and read as they lie");

namespace ergon {
namespace {

[[noreturn]] void refuse_store(const std::string& what, const std::string& path) {
  throw Error(what, path, "the store is damaged or was not made by `ergon data import`: import the text again", ExitCode::data);
}

// The attributes, checked one by one.
TokenStoreInfo read_info(const Hdf5Contents& contents, std::int64_t& version, const std::string& path) {
  const auto text = [&](const char* name) { return contents.text(name, path); };
  const auto integer = [&](const char* name) { return contents.integer(name, path); };
  if (text("ergon_format") != "tokens") refuse_store("is not a token store (attribute ergon_format)", path);
  version = integer("ergon_version");
  if (version < 1 || version > newest_token_store_version)
    throw Error(fmt::format("is a token store of version {}, this Ergon reads 1 to {}", version, newest_token_store_version), path,
                "use the Ergon that made it, or import the text again", ExitCode::data);
  TokenStoreInfo info;
  info.uuid = text("uuid");
  info.content_hash = text("content_hash");
  info.tokenizer_kind = text("tokenizer_kind");
  info.tokenizer_sha256 = text("tokenizer_sha256");
  info.vocabulary = integer("vocab_size");
  info.eod = integer("eod_id");
  info.bos = integer("bos_id");
  info.pad = integer("pad_id");
  info.tokens = integer("n_tokens");
  info.documents = integer("n_docs");
  info.crc_block = integer("crc_block");
  if (info.vocabulary < 1 || info.vocabulary > INT32_MAX) refuse_store(fmt::format("vocab_size {} is out of range", info.vocabulary), path);
  if (info.eod < (version == 1 ? 0 : -1) || info.eod >= info.vocabulary)
    refuse_store(fmt::format("eod_id {} is outside the vocabulary of {}", info.eod, info.vocabulary), path);
  if (info.crc_block < 512 || info.crc_block > (1 << 24) || info.crc_block % 8 != 0)
    refuse_store(fmt::format("crc_block {} is out of range", info.crc_block), path);
  info.token_bytes = token_bytes(info.vocabulary);
  return info;
}

void read_optional_tables(const Hdf5Contents& contents, const Storage::File& file, Storage& storage, TokenStoreTables& tables) {
  const auto read = [&](const std::string& name, Hdf5Type type, auto& table) {
    read_whole(file, storage, contents.dataset(name, type, 1, file.path()), table);
  };
  if (contents.datasets.contains("/docs/answers")) read("/docs/answers", Hdf5Type::u64, tables.answers);
  if (!contents.datasets.contains("/foreign/description")) return;
  ForeignOrigin& foreign = tables.foreign.emplace();
  read("/foreign/description", Hdf5Type::u8, foreign.description);
  read("/foreign/header", Hdf5Type::u8, foreign.header);
  read("/foreign/sequences", Hdf5Type::u32, foreign.sequences);
  read("/foreign/documents", Hdf5Type::u64, foreign.documents);
  read("/foreign/modes", Hdf5Type::u8, foreign.modes);
}

TokenStoreTables read_tables(const Hdf5Contents& contents, const Storage::File& file, Storage& storage) {
  const auto extent = [&](const std::string& name, Hdf5Type type, int rank) -> const Hdf5Extent& {
    return contents.dataset(name, type, rank, file.path());
  };
  TokenStoreTables tables;
  read_whole(file, storage, extent("/docs/offsets", Hdf5Type::u64, 1), tables.offsets);
  read_whole(file, storage, extent("/tokens/crc32c", Hdf5Type::u32, 1), tables.crc);
  read_whole(file, storage, extent("/tokenizer/model", Hdf5Type::u8, 1), tables.tokenizer);
  read_whole(file, storage, extent("/sources", Hdf5Type::u8, 1), tables.sources);
  for (Split split : all_splits) {
    const std::string dataset = fmt::format("/splits/{}", name(split));
    const Hdf5Extent& ranges = extent(dataset, Hdf5Type::u64, 2);
    if (ranges.shape[1] != 2) refuse_store(dataset + " does not have two columns", file.path());
    read_whole(file, storage, ranges, tables.splits[static_cast<std::size_t>(split)]);
  }
  read_optional_tables(contents, file, storage, tables);
  return tables;
}

void check_answers(const TokenStoreTables& tables, const TokenStoreInfo& info, const std::string& path) {
  if (tables.answers.empty()) return;
  if (std::ssize(tables.answers) != info.documents)
    refuse_store(fmt::format("/docs/answers has {} entries for {} documents", tables.answers.size(), info.documents), path);
  for (std::size_t d = 0; d < tables.answers.size(); ++d)
    if (tables.answers[d] >= tables.offsets[d + 1] - tables.offsets[d])
      refuse_store(fmt::format("/docs/answers of document {} lies behind its end", d), path);
}

void check_offsets(const std::vector<std::uint64_t>& offsets, const TokenStoreInfo& info, const std::string& path) {
  if (offsets.empty() || std::ssize(offsets) - 1 != info.documents)
    refuse_store(fmt::format("/docs/offsets has {} entries for {} documents", offsets.size(), info.documents), path);
  if (offsets.front() != 0 || offsets.back() != static_cast<std::uint64_t>(info.tokens))
    refuse_store(fmt::format("/docs/offsets runs from {} to {}, not from 0 to {}", offsets.front(), offsets.back(), info.tokens), path);
  for (std::size_t d = 1; d < offsets.size(); ++d)
    if (offsets[d] <= offsets[d - 1])
      refuse_store(fmt::format("/docs/offsets does not grow at document {} ({} after {})", d, offsets[d], offsets[d - 1]), path);
}

// Every document stands in exactly one split.
void check_splits(const TokenStoreTables& tables, const TokenStoreInfo& info, const std::string& path) {
  std::vector<DocumentRange> all;
  for (const auto& ranges : tables.splits) all.insert(all.end(), ranges.begin(), ranges.end());
  std::ranges::sort(all, {}, &DocumentRange::begin);
  std::uint64_t next = 0;
  for (const DocumentRange& range : all) {
    if (range.begin != next || range.end <= range.begin)
      refuse_store(fmt::format("/splits do not cover each document once, near documents {} to {}", range.begin, range.end), path);
    next = range.end;
  }
  if (next != static_cast<std::uint64_t>(info.documents))
    refuse_store(fmt::format("/splits end at document {} of {}", next, info.documents), path);
  for (const auto& ranges : tables.splits)
    if (!std::ranges::is_sorted(ranges, {}, &DocumentRange::begin)) refuse_store("/splits are not in order", path);
}

// Signed maxima, shifted so that their order is that of the ids: what every x86 processor has instructions for.
std::uint32_t largest_id(std::span<const std::byte> ids, std::int64_t token_bytes) {
  if (token_bytes == 2) {
    std::int16_t largest = INT16_MIN;
    for (std::size_t i = 0; i + 1 < ids.size(); i += 2) {
      std::uint16_t id;
      std::memcpy(&id, ids.data() + i, 2);
      largest = std::max(largest, static_cast<std::int16_t>(id ^ 0x8000u));
    }
    return static_cast<std::uint16_t>(largest) ^ 0x8000u;
  }
  std::int32_t largest = INT32_MIN;
  for (std::size_t i = 0; i + 3 < ids.size(); i += 4) {
    std::uint32_t id;
    std::memcpy(&id, ids.data() + i, 4);
    largest = std::max(largest, static_cast<std::int32_t>(id ^ 0x8000'0000u));
  }
  return static_cast<std::uint32_t>(largest) ^ 0x8000'0000u;
}

}  // namespace

const char* name(Split split) {
  constexpr const char* names[] = {"train", "valid", "test"};
  return names[static_cast<std::size_t>(split)];
}

namespace {

// What a reader asks of the file.
const std::vector<std::string>& token_store_datasets() {
  static const std::vector<std::string> names = {"/tokens/data",        "/tokens/crc32c",        "/docs/offsets",    "/splits/train",
                                                 "/splits/valid",       "/splits/test",          "/tokenizer/model", "/sources",
                                                 "?/docs/answers",      "?/foreign/description", "?/foreign/header", "?/foreign/sequences",
                                                 "?/foreign/documents", "?/foreign/modes"};
  return names;
}

PatientFile::Open opener(const StorePlace& place, Storage& storage) {
  return [place, &storage] { return open_token_store(place, storage); };
}

}  // namespace

Storage::File open_token_store(const StorePlace& place, Storage& storage) {
  if (!storage.exists(place.path)) {
    throw Error("does not exist", place.path,
                place.dataset.empty() ? "check the path" : fmt::format("{} lists it: put it back beside that file", place.dataset),
                ExitCode::data);
  }
  Storage::File file = place.dataset.empty()
                           ? storage.open_read(place.path)
                           : storage.open_read_inside(parent_folder(place.path), place.path.substr(place.path.rfind('/') + 1));
  storage.size(file);  // refuses what is no ordinary file
  return file;
}

std::shared_ptr<const TokenStoreIndex> read_token_store_index(const StorePlace& place, const Storage::File& file, Storage& storage) {
  const std::string& path = place.path;
  const Hdf5Contents contents = storage.hdf5(file, token_store_datasets());
  auto index = std::make_shared<TokenStoreIndex>();
  TokenStoreInfo& info = index->info;
  TokenStoreTables& tables = index->tables;
  std::int64_t version = 0;
  info = read_info(contents, version, path);
  const Hdf5Extent& data = contents.dataset("/tokens/data", info.token_bytes == 2 ? Hdf5Type::u16 : Hdf5Type::u32, 1, path);
  if (data.shape[0] != info.tokens)
    refuse_store(fmt::format("/tokens/data has {} tokens, the attribute n_tokens says {}", data.shape[0], info.tokens), path);
  index->data_offset = data.offset;
  index->file_bytes = storage.size(file);
  tables = read_tables(contents, file, storage);
  check_offsets(tables.offsets, info, path);
  check_splits(tables, info, path);
  check_answers(tables, info, path);
  if (const std::int64_t needed = token_store_version(info, tables); version != needed)
    refuse_store(fmt::format("says that its version is {}, what it holds is of version {}", version, needed), path);
  const std::int64_t blocks = (data.bytes + info.crc_block - 1) / info.crc_block;
  if (static_cast<std::int64_t>(tables.crc.size()) != blocks)
    refuse_store(fmt::format("/tokens/crc32c has {} entries for {} blocks", tables.crc.size(), blocks), path);
  if (const std::string hash = content_hash(info, tables); hash != info.content_hash || info.uuid != uuid_of(hash))
    refuse_store(fmt::format("content hash is {}, the file says {}: attributes or tables were changed", hash, info.content_hash), path);
  if (!place.content_hash.empty() && place.content_hash != info.content_hash)
    throw Error(fmt::format("is not the shard that {} lists (content hash {}, listed is {})", place.dataset,
                            info.content_hash.substr(0, 12), place.content_hash.substr(0, 12)),
                path, "shards were swapped or replaced: copy the whole dataset again, or import the text again", ExitCode::data);
  return index;
}

TokenStore::TokenStore(const StorePlace& place, Storage& storage) : TokenStore(place, open_token_store(place, storage), storage) {}

TokenStore::TokenStore(const StorePlace& place, Storage::File file, Storage& storage)
    : path_(place.path),
      index_(read_token_store_index(place, file, storage)),
      file_(std::move(file), opener(place, storage), storage),
      checked_(index_->tables.crc.size()) {}

TokenStore::TokenStore(const StorePlace& place, std::shared_ptr<const TokenStoreIndex> index, Storage& storage)
    : path_(place.path),
      index_(std::move(index)),
      file_({index_->file_bytes}, opener(place, storage), storage),
      checked_(index_->tables.crc.size()) {}

std::unique_ptr<Tokenizer> TokenStore::tokenizer() const {
  auto made = make_tokenizer(info().tokenizer_kind, index_->tables.tokenizer);
  if (made->sha256() != info().tokenizer_sha256 || made->vocabulary() != info().vocabulary)
    refuse_store("holds another tokenizer than its attributes say", path_);
  return made;
}

// Reads and returns it.
std::vector<std::byte> TokenStore::check_block(std::int64_t block) const {
  const std::int64_t begin = block * info().crc_block, end = std::min(begin + info().crc_block, info().tokens * info().token_bytes);
  const std::uint32_t read_in = opening();  // or later
  std::vector<std::byte> ids(static_cast<std::size_t>(end - begin));
  file_.pread(ids, index_->data_offset + begin);
  const auto place = [&] {
    return fmt::format("block {} of /tokens/data (tokens {} to {})", block, begin / info().token_bytes, end / info().token_bytes - 1);
  };
  if (crc32c(ids) != index_->tables.crc[static_cast<std::size_t>(block)]) refuse_store(place() + " does not match its checksum", path_);
  const std::uint32_t largest = largest_id(ids, info().token_bytes);
  if (largest >= static_cast<std::uint64_t>(info().vocabulary))
    refuse_store(fmt::format("{} holds id {}, the vocabulary has {}", place(), largest, info().vocabulary), path_);
  checked_[static_cast<std::size_t>(block)] = read_in;
  return ids;
}

// From `byte` on, up to the end of a block that is touched for the first time, or of the run of blocks that were checked before. Returns
// how many bytes.
std::size_t TokenStore::read_part(std::int64_t byte, std::span<std::byte> out) const {
  const std::int64_t first = byte / info().crc_block, end = byte + std::ssize(out);
  std::int64_t block = first;
  const std::uint32_t now = opening();
  while (block * info().crc_block < end && checked_[static_cast<std::size_t>(block)] == now) ++block;
  const auto up_to = [&](std::int64_t block_end) { return static_cast<std::size_t>(std::min(block_end * info().crc_block, end) - byte); };
  if (block == first) {
    const std::vector<std::byte> ids = check_block(first);
    std::memcpy(out.data(), ids.data() + byte % info().crc_block, up_to(first + 1));
    return up_to(first + 1);
  }
  file_.pread(out.first(up_to(block)), index_->data_offset + byte);
  return up_to(block);
}

void TokenStore::read_ids(std::int64_t begin, std::span<std::byte> ids) const {
  const std::int64_t width = info().token_bytes, count = std::ssize(ids) / width;
  ERGON_CHECK(begin >= 0 && begin + count <= info().tokens && std::ssize(ids) == count * width, "tokens {} + {} of {}", begin, count,
              info().tokens);
  for (std::size_t done = 0; done < ids.size();) {
    const std::uint32_t before = opening();
    const std::size_t read = read_part(begin * width + static_cast<std::int64_t>(done), ids.subspan(done));
    // Opened anew, another file may lie under the name, of which nothing has been checked.
    done = opening() == before ? done + read : 0;
  }
}

void TokenStore::read(std::int64_t begin, std::span<std::int32_t> out) const {
  std::vector<std::byte> ids(out.size() * static_cast<std::size_t>(info().token_bytes));
  read_ids(begin, ids);
  widen_ids(ids, info().token_bytes, out.data());
}

void TokenStore::mark_prompts(std::int64_t begin, std::span<std::uint8_t> is_prompt) const {
  const std::int64_t end = begin + std::ssize(is_prompt);
  ERGON_CHECK(begin >= 0 && end <= info().tokens && !index_->tables.answers.empty(), "tokens {} to {} of {}, {} answers", begin, end,
              info().tokens, index_->tables.answers.size());
  const auto& offsets = index_->tables.offsets;
  auto document = static_cast<std::size_t>(std::ranges::upper_bound(offsets, static_cast<std::uint64_t>(begin)) - offsets.begin()) - 1;
  for (std::int64_t token = begin; token < end; ++token) {
    if (static_cast<std::uint64_t>(token) == offsets[document + 1]) ++document;
    is_prompt[static_cast<std::size_t>(token - begin)] =
        static_cast<std::uint64_t>(token) < offsets[document] + index_->tables.answers[document];
  }
}

void TokenStore::verify() const {
  file_.drop_cache();
  std::int64_t damaged = 0;
  std::string first;
  for (std::int64_t block = 0; block < std::ssize(index_->tables.crc); ++block) {
    try {
      check_block(block);
    } catch (const Error& error) {
      if (damaged++ == 0) first = error.problem();
    }
  }
  if (damaged > 0)
    refuse_store(fmt::format("{} of {} blocks are damaged; the first: {}", damaged, index_->tables.crc.size(), first), path_);
}

}  // namespace ergon
