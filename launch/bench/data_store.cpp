// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/data_store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "configs/error.hpp"
#include "trainer/data/foreign/ids_tokenizer.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {
namespace {

constexpr std::int64_t vocabulary = 8192, shortest_document = 200;
constexpr std::uint64_t longer_documents = 1000;

// xorshift64: fast, and the same store every time.
std::uint64_t next(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

}  // namespace

GeneratedStore::GeneratedStore(const std::string& folder, std::int64_t tokens)
    : path_(fmt::format("{}/ergon-bench-data-{}.h5", folder, ::getpid())) {
  const auto tokenizer = make_ids_tokenizer(vocabulary, vocabulary - 1);
  TokenStoreWriter writer(path_, *tokenizer, storage_);
  std::uint64_t state = 1;
  std::vector<std::int32_t> ids;
  for (std::int64_t written = 0; written < tokens; written += std::ssize(ids) + 1) {
    ids.resize(static_cast<std::size_t>(shortest_document) + next(state) % longer_documents);
    for (std::int32_t& id : ids) id = static_cast<std::int32_t>(next(state) % (vocabulary - 1));
    writer.add(ids, Split::train);
  }
  writer.finish("{}");
}

GeneratedStore::~GeneratedStore() {
  try {
    if (storage_.exists(path_)) storage_.unlink(path_);
  } catch (const Error&) {
    // What is left says so by its name.
  }
}

}  // namespace ergon
