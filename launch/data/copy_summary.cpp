// SPDX-License-Identifier: Apache-2.0
#include "launch/data/copy_summary.hpp"

#include <fmt/format.h>

#include <iostream>

#include "launch/data/split_words.hpp"

namespace ergon {

void print_copy_json(const std::string& schema, const CopySummary& summary, const std::string& output) {
  const nlohmann::json result = {{"schema", schema},
                                 {"store", output},
                                 {"uuid", summary.store.uuid},
                                 {"documents", summary.store.documents},
                                 {"tokens", summary.store.tokens},
                                 {"left_out_documents", summary.left_out},
                                 {"splits", splits_json(summary.documents, summary.tokens)}};
  std::cout << result.dump(2) << std::endl;
}

void print_copy_text(const CopySummary& summary, const std::string& output, const std::string& why_left_out) {
  fmt::print("{}: {} documents, {} tokens\n", output, summary.store.documents, summary.store.tokens);
  print_splits(summary.documents, summary.tokens);
  if (summary.left_out > 0) fmt::print("  {} documents left out: {}\n", summary.left_out, why_left_out);
}

}  // namespace ergon
