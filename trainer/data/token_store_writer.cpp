// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_writer.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "configs/error.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/data/token_store_format.hpp"
#include "trainer/hdf5.hpp"

namespace ergon {
namespace {

constexpr std::int64_t buffer_bytes = 64 * token_store_crc_block;

template <typename T>
std::span<const std::byte> bytes_of(const T& table) {
  return std::as_bytes(std::span(table.data(), table.size()));
}

}  // namespace

TokenStoreWriter::TokenStoreWriter(const std::string& path, const Tokenizer& tokenizer, Storage& storage, Existing existing)
    : path_(path), spool_path_(path + ".spool.tmp"), layout_path_(path + ".tmp"), tokenizer_(tokenizer), storage_(storage) {
  if (existing == Existing::refuse && storage.exists(path))
    throw Error("already exists", path, "name another output, or give --force to replace it");
  info_.tokenizer_kind = tokenizer.kind();
  info_.tokenizer_sha256 = tokenizer.sha256();
  info_.vocabulary = tokenizer.vocabulary();
  info_.eod = tokenizer.eod();
  info_.bos = tokenizer.bos();
  info_.pad = tokenizer.pad();
  info_.crc_block = token_store_crc_block;
  info_.token_bytes = token_bytes(info_.vocabulary);
  tables_.offsets = {0};
  tables_.tokenizer = tokenizer.definition();
  // A killed import leaves these behind.
  remove_temporaries();
  spool_ = storage.create(spool_path_);
  buffer_.reserve(buffer_bytes);
}

TokenStoreWriter::~TokenStoreWriter() { remove_temporaries(); }

void TokenStoreWriter::remove_temporaries() noexcept {
  for (const std::string& path : {spool_path_, layout_path_}) {
    try {
      if (storage_.exists(path)) storage_.unlink(path);
    } catch (const std::exception&) {
      // A temporary that stays is found and removed by the next import to this name.
    }
  }
}

void TokenStoreWriter::put(std::int32_t id) {
  ERGON_CHECK(id >= 0 && id < info_.vocabulary, "id {} of {}", id, info_.vocabulary);
  const std::size_t at = buffer_.size();
  buffer_.resize(at + static_cast<std::size_t>(info_.token_bytes));
  std::memcpy(buffer_.data() + at, &id, static_cast<std::size_t>(info_.token_bytes));
  if (std::ssize(buffer_) == buffer_bytes) flush();
}

void TokenStoreWriter::flush() {
  const std::span<const std::byte> data(buffer_);
  for (std::size_t begin = 0; begin < data.size(); begin += token_store_crc_block)
    tables_.crc.push_back(crc32c(data.subspan(begin, std::min<std::size_t>(token_store_crc_block, data.size() - begin))));
  storage_.pwrite(spool_, data, spooled_);
  spooled_ += std::ssize(data);
  buffer_.clear();
}

void TokenStoreWriter::append(std::span<const std::int32_t> ids) {
  for (std::int32_t id : ids) put(id);
  info_.tokens += std::ssize(ids);
}

void TokenStoreWriter::add(std::span<const std::int32_t> ids, Split split, std::optional<std::int64_t> answer) {
  append(ids);
  const std::int32_t eod = tokenizer_.eod();
  append({&eod, 1});
  end_document(split, answer);
}

void TokenStoreWriter::end_document(Split split, std::optional<std::int64_t> answer) {
  if (static_cast<std::uint64_t>(info_.tokens) == tables_.offsets.back()) return;
  const auto document = static_cast<std::uint64_t>(info_.documents++);
  if (answer) tables_.answers.push_back(static_cast<std::uint64_t>(*answer));
  tables_.offsets.push_back(static_cast<std::uint64_t>(info_.tokens));
  auto& ranges = tables_.splits[static_cast<std::size_t>(split)];
  if (!ranges.empty() && ranges.back().end == document)
    ranges.back().end = document + 1;
  else
    ranges.push_back({document, document + 1});
}

void TokenStoreWriter::copy_tokens(const Storage::File& file, std::int64_t offset) {
  std::vector<std::byte> chunk;
  for (std::int64_t begin = 0; begin < spooled_; begin += buffer_bytes) {
    chunk.resize(static_cast<std::size_t>(std::min(buffer_bytes, spooled_ - begin)));
    storage_.pread(spool_, chunk, begin);
    for (std::int64_t at = 0; at < std::ssize(chunk); at += token_store_crc_block) {
      const auto block = static_cast<std::size_t>((begin + at) / token_store_crc_block);
      const auto size = static_cast<std::size_t>(std::min(token_store_crc_block, std::ssize(chunk) - at));
      if (crc32c(std::span<const std::byte>(chunk).subspan(static_cast<std::size_t>(at), size)) != tables_.crc[block])
        throw Error(fmt::format("block {} was not read back as it was written", block), spool_path_, "the disk or memory is at fault",
                    ExitCode::data);
    }
    storage_.pwrite(file, chunk, offset + begin);
  }
}

void TokenStoreWriter::write_layout(const TokenStoreInfo& info) {
  Hdf5Layout layout(layout_path_);
  layout.attribute("/", "ergon_format", std::string("tokens"));
  layout.attribute("/", "ergon_version", token_store_version(info, tables_));
  const std::map<std::string, std::string> texts = {{"uuid", info.uuid},
                                                    {"content_hash", info.content_hash},
                                                    {"tokenizer_kind", info.tokenizer_kind},
                                                    {"tokenizer_sha256", info.tokenizer_sha256}};
  for (const auto& [name, value] : texts) layout.attribute("/", name, value);
  const std::map<std::string, std::int64_t> numbers = {
      {"vocab_size", info.vocabulary}, {"eod_id", info.eod},       {"bos_id", info.bos},         {"pad_id", info.pad},
      {"n_tokens", info.tokens},       {"n_docs", info.documents}, {"crc_block", info.crc_block}};
  for (const auto& [name, value] : numbers) layout.attribute("/", name, value);

  struct Table {
    Hdf5Extent extent;
    std::span<const std::byte> data;
  };
  std::vector<Table> written;
  for (const char* group : {"/tokens", "/docs", "/splits", "/tokenizer"}) layout.group(group);
  const auto declare = [&](const std::string& name, Hdf5Type type, std::vector<std::int64_t> shape, std::span<const std::byte> data) {
    written.push_back({layout.dataset(name, type, shape), data});
  };
  declare("/docs/offsets", Hdf5Type::u64, {std::ssize(tables_.offsets)}, bytes_of(tables_.offsets));
  for (Split split : all_splits) {
    const auto& ranges = tables_.splits[static_cast<std::size_t>(split)];
    declare(fmt::format("/splits/{}", name(split)), Hdf5Type::u64, {std::ssize(ranges), 2}, bytes_of(ranges));
  }
  declare("/sources", Hdf5Type::u8, {std::ssize(tables_.sources)}, bytes_of(tables_.sources));
  declare("/tokenizer/model", Hdf5Type::u8, {std::ssize(tables_.tokenizer)}, bytes_of(tables_.tokenizer));
  if (!tables_.answers.empty()) declare("/docs/answers", Hdf5Type::u64, {std::ssize(tables_.answers)}, bytes_of(tables_.answers));
  if (tables_.foreign) {
    const ForeignOrigin& foreign = *tables_.foreign;
    layout.group("/foreign");
    declare("/foreign/description", Hdf5Type::u8, {std::ssize(foreign.description)}, bytes_of(foreign.description));
    declare("/foreign/documents", Hdf5Type::u64, {std::ssize(foreign.documents)}, bytes_of(foreign.documents));
    declare("/foreign/header", Hdf5Type::u8, {std::ssize(foreign.header)}, bytes_of(foreign.header));
    declare("/foreign/modes", Hdf5Type::u8, {std::ssize(foreign.modes)}, bytes_of(foreign.modes));
    declare("/foreign/sequences", Hdf5Type::u32, {std::ssize(foreign.sequences)}, bytes_of(foreign.sequences));
  }
  declare("/tokens/crc32c", Hdf5Type::u32, {std::ssize(tables_.crc)}, bytes_of(tables_.crc));
  const Hdf5Extent tokens = layout.dataset("/tokens/data", info.token_bytes == 2 ? Hdf5Type::u16 : Hdf5Type::u32, {info.tokens});
  layout.close();

  const Storage::File file = storage_.open_write(layout_path_);
  storage_.allocate(file, storage_.size(file));
  for (const Table& table : written)
    if (!table.data.empty()) storage_.pwrite(file, table.data, table.extent.offset);
  copy_tokens(file, tokens.offset);
  storage_.sync(file);
}

TokenStoreInfo TokenStoreWriter::finish(const std::string& sources, std::optional<ForeignOrigin> foreign) {
  if (info_.documents == 0)
    throw Error("there is no document in the input", path_, "name files that hold text; empty documents are left out", ExitCode::data);
  flush();
  ERGON_CHECK(tables_.answers.empty() || std::ssize(tables_.answers) == info_.documents, "{} answers for {} documents",
              tables_.answers.size(), info_.documents);
  tables_.sources = sources;
  tables_.foreign = std::move(foreign);
  info_.content_hash = content_hash(info_, tables_);
  info_.uuid = uuid_of(info_.content_hash);
  write_layout(info_);
  storage_.rename(layout_path_, path_);
  storage_.sync_directory(parent_folder(path_));
  return info_;
}

}  // namespace ergon
