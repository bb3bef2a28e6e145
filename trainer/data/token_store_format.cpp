// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_format.hpp"

#include "configs/error.hpp"
#include "configs/sha256.hpp"

namespace ergon {
namespace {

template <typename T>
void add_table(Sha256& hash, const char* name, std::span<const T> table) {
  hash.add(fmt::format("{} {}\n", name, table.size_bytes()));
  hash.add(std::as_bytes(table));
}

}  // namespace

std::int64_t token_store_version(const TokenStoreInfo& info, const TokenStoreTables& tables) {
  return info.eod < 0 || !tables.answers.empty() || tables.foreign ? 2 : 1;
}

std::string content_hash(const TokenStoreInfo& info, const TokenStoreTables& tables) {
  Sha256 hash;
  hash.add(fmt::format("ergon tokens {}\n", token_store_version(info, tables)));
  hash.add(fmt::format("tokenizer_kind={}\ntokenizer_sha256={}\n", info.tokenizer_kind, info.tokenizer_sha256));
  hash.add(fmt::format("vocab_size={}\neod_id={}\nbos_id={}\npad_id={}\n", info.vocabulary, info.eod, info.bos, info.pad));
  hash.add(fmt::format("n_tokens={}\nn_docs={}\ncrc_block={}\n", info.tokens, info.documents, info.crc_block));
  add_table(hash, "/tokens/crc32c", std::span<const std::uint32_t>(tables.crc));
  add_table(hash, "/docs/offsets", std::span<const std::uint64_t>(tables.offsets));
  for (Split split : all_splits)
    add_table(hash, fmt::format("/splits/{}", name(split)).c_str(),
              std::span<const DocumentRange>(tables.splits[static_cast<std::size_t>(split)]));
  add_table(hash, "/tokenizer/model", std::span<const char>(tables.tokenizer));
  add_table(hash, "/sources", std::span<const char>(tables.sources));
  if (!tables.answers.empty()) add_table(hash, "/docs/answers", std::span<const std::uint64_t>(tables.answers));
  if (tables.foreign) {
    add_table(hash, "/foreign/description", std::span<const char>(tables.foreign->description));
    add_table(hash, "/foreign/header", std::span<const char>(tables.foreign->header));
    add_table(hash, "/foreign/sequences", std::span<const std::uint32_t>(tables.foreign->sequences));
    add_table(hash, "/foreign/documents", std::span<const std::uint64_t>(tables.foreign->documents));
    add_table(hash, "/foreign/modes", std::span<const std::uint8_t>(tables.foreign->modes));
  }
  return hash.hex();
}

std::string uuid_of(const std::string& content_hash) {
  ERGON_CHECK(content_hash.size() == 64, "content hash '{}'", content_hash);
  std::string digits = content_hash.substr(0, 32);
  digits[12] = '8';                                                       // version
  digits[16] = "89ab"[std::stoi(digits.substr(16, 1), nullptr, 16) & 3];  // variant
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4), digits.substr(16, 4),
                     digits.substr(20));
}

}  // namespace ergon
