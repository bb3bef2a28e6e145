// SPDX-License-Identifier: Apache-2.0
// What a token store holds besides its tokens, and the hash over it (FORMAT.md). Reader and writer share these.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/plan/batch_payload.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {

// 1: the tables that every store has; 2: optional ones beside them (FORMAT.md). A store is written in the lowest version that holds it.
inline constexpr std::int64_t newest_token_store_version = 2;
std::int64_t token_store_version(const TokenStoreInfo& info, const TokenStoreTables& tables);
inline constexpr std::int64_t token_store_crc_block = 4 << 10;  // bytes
// Of tokens that are in memory at once while a store is written, in bytes: whole blocks.
inline constexpr std::int64_t token_store_buffer = 256 * token_store_crc_block;

// SHA-256 over the format's name and version, every attribute but uuid and content_hash, and every table, in the order FORMAT.md gives.
std::string content_hash(const TokenStoreInfo& info, const TokenStoreTables& tables);

// The first 16 bytes of the content hash as a version-8 UUID (RFC 9562: free form).
std::string uuid_of(const std::string& content_hash);

}  // namespace ergon
