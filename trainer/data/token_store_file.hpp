// SPDX-License-Identifier: Apache-2.0
// A token store put on disk once everything in it is known: HDF5 makes the layout and closes it, space is allocated, tables and tokens are
// written at the offsets, synced, and the file is renamed to its name. Who wants the name to outlive a power cut syncs the folder.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "trainer/data/token_store.hpp"
#include "trainer/data/tokenizer.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// Gives all bytes of the tokens in order, in pieces of any size; asked more than once.
using TokenBytes = std::function<void(const std::function<void(std::span<const std::byte>)>& consume)>;

// What a store says of its tokenizer, and its block size: the rest of the info is still zero.
TokenStoreInfo token_store_info(const Tokenizer& tokenizer);

std::vector<std::uint32_t> block_checksums(const TokenBytes& tokens);

// `info` has tokens and documents counted; `tables` is complete, with the checksums of the blocks, which the tokens must match. The
// file exists under its name when this returns, with content hash and uuid as in the result; after an Error there is none.
TokenStoreInfo write_token_store(const std::string& path, TokenStoreInfo info, const TokenStoreTables& tables, const TokenBytes& tokens,
                                 Storage& storage);

// Adds the next document to the splits.
void add_to_split(TokenStoreTables& tables, std::uint64_t document, Split split);

}  // namespace ergon
