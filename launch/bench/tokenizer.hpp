// SPDX-License-Identifier: Apache-2.0
// `ergon bench tokenizer`: text to ids in one thread, MB/s, and the same texts through the package that the tokenizer comes from.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "trainer/data/tokenizers/tokenizer_file.hpp"

namespace ergon {

struct TokenizerJob {
  TokenizerFile file;
  std::string text;                        // a file
  std::int64_t document_bytes = 16 << 10;  // lines are put together into documents of this size
  std::int64_t rounds = 5;
  std::string against;  // "package"; empty: nothing to compare with
  std::string python;   // that has the package
};

// Schema ergon.bench.v1, one row "encode" in MB/s (10^6 bytes). Throws Error for a tokenizer or a text that does not read, and, with
// `against`, when the package cannot be asked or gives other ids.
nlohmann::json bench_tokenizer(const TokenizerJob& job);
std::string bench_tokenizer_text(const nlohmann::json& result);

}  // namespace ergon
