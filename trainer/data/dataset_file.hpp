// SPDX-License-Identifier: Apache-2.0
// A dataset file, NAME.json: the token stores (shards) that make one dataset, in order, all in the folder of the file (FORMAT.md). Wherever
// a token store may be named, a dataset file may.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/token_store.hpp"

namespace ergon {

struct Shard {
  std::string name;  // one path component
  std::string uuid, content_hash;
  std::int64_t tokens = 0, documents = 0;
};

struct Dataset {
  std::vector<Shard> shards;
  std::string tokenizer_kind, tokenizer_sha256;

  std::string uuid() const;  // of the content hashes in order
  std::int64_t tokens() const;
  std::int64_t documents() const;
};

bool is_dataset_file(const std::string& path);  // *.json

std::string to_json(const Dataset& dataset);
// Throws Error (ExitCode::data) that names the file and what is wrong in it.
Dataset read_dataset(const std::string& path, Storage& storage);

// The stores that these paths name: a store as it is, a dataset file as its shards.
std::vector<StorePlace> store_places(const std::vector<std::string>& paths, Storage& storage);

}  // namespace ergon
