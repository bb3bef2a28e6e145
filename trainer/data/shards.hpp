// SPDX-License-Identifier: Apache-2.0
// The documents of a spool as token stores: one, or shards of a bounded size. Documents keep their order; where a shard ends depends on
// the documents and the limits alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/data/dataset_file.hpp"
#include "trainer/data/spool.hpp"
#include "trainer/data/token_store_file.hpp"

namespace ergon {

struct ShardLimits {
  Bytes tokens{std::int64_t{4} << 30};  // of /tokens/data; a longer document has a shard of its own
  std::int64_t documents = 1 << 23;     // bounds the memory of the tables: 40 bytes a document
};

// Documents [begin, end) of the spool, some of which are duplicates, and the files [first_file, end_file) that are its sources.
struct ShardPlan {
  std::int64_t begin = 0, end = 0;
  std::int64_t documents = 0, tokens = 0;  // without the duplicates
  std::int64_t first_file = 0, end_file = 0;
};

// The documents of a spool in input order but the duplicates.
class SpooledDocuments {
 public:
  // `documents`: of each unit. `duplicate`: by document; may be empty: none. The spool outlives this.
  SpooledDocuments(const Spool& spool, std::vector<std::int64_t> documents, std::vector<bool> duplicate);

  void each(std::int64_t begin, std::int64_t end, const std::function<void(std::int64_t, const SpoolDocument&)>& visit) const;
  // Bytes of the tokens of documents [begin, end).
  void tokens(std::int64_t begin, std::int64_t end, const std::function<void(std::span<const std::byte>)>& consume) const;
  std::int64_t size() const { return ends_.empty() ? 0 : ends_.back(); }  // with the duplicates

 private:
  bool kept(std::int64_t document) const { return duplicate_.empty() || !duplicate_[static_cast<std::size_t>(document)]; }
  void each_unit(std::int64_t begin, std::int64_t end, const std::function<void(std::int64_t unit, std::int64_t first)>& visit) const;

  const Spool& spool_;
  std::vector<std::int64_t> ends_;  // by unit, running sum of documents
  std::vector<bool> duplicate_;
};

// At least one shard when there is a document that is no duplicate. `files`: how many the input has.
std::vector<ShardPlan> plan_shards(const SpooledDocuments& documents, const ShardLimits& limits, std::int64_t token_bytes,
                                   std::int64_t files);

// `sources`: JSON. `progress` is told the bytes of tokens that passed, of two passes.
TokenStoreInfo write_shard(const std::string& path, const SpooledDocuments& documents, const ShardPlan& plan, const Tokenizer& tokenizer,
                           const std::string& sources, Storage& storage, const std::function<void(std::int64_t)>& progress = {});

}  // namespace ergon
