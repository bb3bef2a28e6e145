// SPDX-License-Identifier: Apache-2.0
// A small import with duplicates, into shards.
#pragma once

#include <fmt/format.h>

#include "tests/support/temporary_folder.hpp"
#include "trainer/data/import.hpp"

namespace ergon::test {

// Four documents, the last a copy of the first: three shards of one document each.
class Corpus {
 public:
  explicit Corpus(char first) {
    for (int number = 0; number < 4; ++number)
      write_file(folder_ / fmt::format("{}.txt", number), std::string(3000, static_cast<char>(first + number % 3)));
  }
  ImportOptions options(const std::string& folder, Existing existing = Existing::refuse) const {
    ImportOptions options;
    options.existing = existing;
    options.documents.inputs = {folder_.path()};
    options.output = folder + "/tokens.json";
    options.deduplicate = true;
    options.shards.tokens = {7000};
    options.threads = 1;
    return options;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace ergon::test
