// SPDX-License-Identifier: Apache-2.0
// The options by which a command that makes a store of ids or pairs names a tokenizer: its file, or a store that was made with it.
#pragma once

#include <memory>
#include <string>

#include "launch/command_line.hpp"
#include "trainer/data/tokenizers/tokenizer_file.hpp"

namespace ergon {

class TokenizerWords {
 public:
  // Must live until parse.
  void add_to(CommandLine& line);

  // Null when none is named. Throws Error for both at once, and what open_tokenizer and TokenStore throw.
  std::unique_ptr<Tokenizer> open(Storage& storage) const;

 private:
  TokenizerFile file_;
  std::string store_;
};

}  // namespace ergon
