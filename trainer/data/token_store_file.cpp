// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_file.hpp"

#include <algorithm>
#include <map>

#include "configs/error.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/data/hdf5_table.hpp"
#include "trainer/data/token_store_format.hpp"
#include "trainer/hdf5.hpp"

namespace ergon {
namespace {

// Gives the tokens in buffers of whole blocks, only the last one short.
void in_buffers(const TokenBytes& tokens, const std::function<void(std::span<const std::byte>)>& consume) {
  std::vector<std::byte> buffer;
  buffer.reserve(token_store_buffer);
  tokens([&](std::span<const std::byte> piece) {
    while (!piece.empty()) {
      const std::size_t part = std::min(piece.size(), static_cast<std::size_t>(token_store_buffer) - buffer.size());
      buffer.insert(buffer.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(part));
      piece = piece.subspan(part);
      if (std::ssize(buffer) < token_store_buffer) continue;
      consume(buffer);
      buffer.clear();
    }
  });
  if (!buffer.empty()) consume(buffer);
}

void each_block(std::span<const std::byte> buffer, const std::function<void(std::uint32_t)>& visit) {
  for (std::size_t begin = 0; begin < buffer.size(); begin += token_store_crc_block)
    visit(crc32c(buffer.subspan(begin, std::min<std::size_t>(token_store_crc_block, buffer.size() - begin))));
}

void copy_tokens(const TokenBytes& tokens, const std::vector<std::uint32_t>& crc, const Storage::File& file, std::int64_t offset,
                 Storage& storage) {
  std::size_t block = 0;
  in_buffers(tokens, [&](std::span<const std::byte> buffer) {
    each_block(buffer, [&](std::uint32_t found) {
      if (block >= crc.size() || found != crc[block])
        throw Error(fmt::format("block {} was not read back as it was written", block), file.path(), "the disk or memory is at fault",
                    ExitCode::data);
      ++block;
    });
    storage.pwrite(file, buffer, offset);
    offset += std::ssize(buffer);
  });
  ERGON_CHECK(block == crc.size(), "{} blocks of {}", block, crc.size());
}

void declare_attributes(Hdf5Layout& layout, const TokenStoreInfo& info, std::int64_t version) {
  layout.attribute("/", "ergon_format", std::string("tokens"));
  layout.attribute("/", "ergon_version", version);
  const std::map<std::string, std::string> texts = {{"uuid", info.uuid},
                                                    {"content_hash", info.content_hash},
                                                    {"tokenizer_kind", info.tokenizer_kind},
                                                    {"tokenizer_sha256", info.tokenizer_sha256}};
  for (const auto& [name, value] : texts) layout.attribute("/", name, value);
  const std::map<std::string, std::int64_t> numbers = {
      {"vocab_size", info.vocabulary}, {"eod_id", info.eod},       {"bos_id", info.bos},         {"pad_id", info.pad},
      {"n_tokens", info.tokens},       {"n_docs", info.documents}, {"crc_block", info.crc_block}};
  for (const auto& [name, value] : numbers) layout.attribute("/", name, value);
}

struct Declared {
  Hdf5Extent extent;
  std::span<const std::byte> data;
};

// Every dataset but the tokens.
std::vector<Declared> declare_tables(Hdf5Layout& layout, const TokenStoreTables& tables) {
  std::vector<Declared> declared;
  for (const char* group : {"/tokens", "/docs", "/splits", "/tokenizer"}) layout.group(group);
  const auto declare = [&](const std::string& name, Hdf5Type type, std::vector<std::int64_t> shape, std::span<const std::byte> data) {
    declared.push_back({layout.dataset(name, type, shape), data});
  };
  declare("/docs/offsets", Hdf5Type::u64, {std::ssize(tables.offsets)}, bytes_of(tables.offsets));
  for (Split split : all_splits) {
    const auto& ranges = tables.splits[static_cast<std::size_t>(split)];
    declare(fmt::format("/splits/{}", name(split)), Hdf5Type::u64, {std::ssize(ranges), 2}, bytes_of(ranges));
  }
  declare("/sources", Hdf5Type::u8, {std::ssize(tables.sources)}, bytes_of(tables.sources));
  declare("/tokenizer/model", Hdf5Type::u8, {std::ssize(tables.tokenizer)}, bytes_of(tables.tokenizer));
  if (!tables.answers.empty()) declare("/docs/answers", Hdf5Type::u64, {std::ssize(tables.answers)}, bytes_of(tables.answers));
  if (tables.foreign) {
    const ForeignOrigin& foreign = *tables.foreign;
    layout.group("/foreign");
    declare("/foreign/description", Hdf5Type::u8, {std::ssize(foreign.description)}, bytes_of(foreign.description));
    declare("/foreign/documents", Hdf5Type::u64, {std::ssize(foreign.documents)}, bytes_of(foreign.documents));
    declare("/foreign/header", Hdf5Type::u8, {std::ssize(foreign.header)}, bytes_of(foreign.header));
    declare("/foreign/modes", Hdf5Type::u8, {std::ssize(foreign.modes)}, bytes_of(foreign.modes));
    declare("/foreign/sequences", Hdf5Type::u32, {std::ssize(foreign.sequences)}, bytes_of(foreign.sequences));
  }
  declare("/tokens/crc32c", Hdf5Type::u32, {std::ssize(tables.crc)}, bytes_of(tables.crc));
  return declared;
}

void write_file(const std::string& path, const TokenStoreInfo& info, const TokenStoreTables& tables, const TokenBytes& tokens,
                Storage& storage) {
  Hdf5Layout layout(path);
  declare_attributes(layout, info, token_store_version(info, tables));
  const std::vector<Declared> declared = declare_tables(layout, tables);
  const Hdf5Extent extent = layout.dataset("/tokens/data", info.token_bytes == 2 ? Hdf5Type::u16 : Hdf5Type::u32, {info.tokens});
  layout.close();

  const Storage::File file = storage.open_write(path);
  storage.allocate(file, storage.size(file));
  for (const Declared& table : declared)
    if (!table.data.empty()) storage.pwrite(file, table.data, table.extent.offset);
  copy_tokens(tokens, tables.crc, file, extent.offset, storage);
  storage.sync(file);
}

}  // namespace

TokenStoreInfo token_store_info(const Tokenizer& tokenizer) {
  TokenStoreInfo info;
  info.tokenizer_kind = tokenizer.kind();
  info.tokenizer_sha256 = tokenizer.sha256();
  info.vocabulary = tokenizer.vocabulary();
  info.eod = tokenizer.eod();
  info.bos = tokenizer.bos();
  info.pad = tokenizer.pad();
  info.crc_block = token_store_crc_block;
  info.token_bytes = token_bytes(info.vocabulary);
  return info;
}

std::vector<std::uint32_t> block_checksums(const TokenBytes& tokens) {
  std::vector<std::uint32_t> crc;
  in_buffers(tokens, [&](std::span<const std::byte> buffer) { each_block(buffer, [&](std::uint32_t block) { crc.push_back(block); }); });
  return crc;
}

TokenStoreInfo write_token_store(const std::string& path, TokenStoreInfo info, const TokenStoreTables& tables, const TokenBytes& tokens,
                                 Storage& storage) {
  info.content_hash = content_hash(info, tables);
  info.uuid = uuid_of(info.content_hash);
  const std::string temporary = path + ".tmp";
  const auto clean = [&] {
    if (storage.exists(temporary)) storage.unlink(temporary);
  };
  // A killed import leaves it behind.
  clean();
  try {
    write_file(temporary, info, tables, tokens, storage);
    storage.rename(temporary, path);
  } catch (const std::exception&) {
    clean();
    throw;
  }
  return info;
}

void add_to_split(TokenStoreTables& tables, std::uint64_t document, Split split) {
  auto& ranges = tables.splits[static_cast<std::size_t>(split)];
  if (!ranges.empty() && ranges.back().end == document)
    ranges.back().end = document + 1;
  else
    ranges.push_back({document, document + 1});
}

}  // namespace ergon
