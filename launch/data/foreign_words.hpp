// SPDX-License-Identifier: Apache-2.0
// The two options that name how other systems store ids: their format and the type of an element.
#pragma once

#include <optional>
#include <string>

#include "launch/command_line.hpp"
#include "trainer/data/foreign/foreign_file.hpp"

namespace ergon {

class ForeignWords {
 public:
  // `option`: "--from"; `other`: the word beside the formats that stands for none of them, and the default. Must live until parse.
  void add_to(CommandLine& line, const std::string& option, const std::string& other, const std::string& help);

  std::optional<ForeignFormat> format() const { return foreign_format(format_); }  // nullopt: `other`
  std::optional<TokenDtype> dtype() const { return token_dtype(dtype_); }          // nullopt: not named

 private:
  std::string format_, dtype_ = "auto";
};

}  // namespace ergon
