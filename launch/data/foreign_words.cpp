// SPDX-License-Identifier: Apache-2.0
#include "launch/data/foreign_words.hpp"

namespace ergon {

void ForeignWords::add_to(CommandLine& line, const std::string& option, const std::string& other, const std::string& help) {
  std::vector<std::string> formats = {other}, dtypes = {dtype_};
  for (ForeignFormat format : {ForeignFormat::megatron, ForeignFormat::nanogpt, ForeignFormat::llmc, ForeignFormat::olmo})
    formats.emplace_back(name(format));
  for (TokenDtype dtype : all_token_dtypes) dtypes.emplace_back(name(dtype));
  format_ = other;
  line.choice(format_, option, formats, help);
  line.choice(dtype_, "--dtype", dtypes, "the type of an id in the file");
}

}  // namespace ergon
