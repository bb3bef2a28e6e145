// SPDX-License-Identifier: Apache-2.0
// The decoder of a tokenizer.json: what puts the texts of tokens together. ByteLevel, ByteFallback, Replace, Strip, Fuse, Metaspace and
// sequences of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "trainer/data/tokenizers/component.hpp"
#include "trainer/data/tokenizers/regex.hpp"

namespace ergon {

class Decoder {
 public:
  Decoder() = default;  // without one: a space between tokens
  // Throws Error (ExitCode::data) that names a part this version does not know.
  Decoder(const nlohmann::json& json, const std::string& place, const std::string& file);

  std::string apply(std::vector<std::string> tokens, RegexScratch& scratch) const;

 private:
  using Step = std::function<void(std::vector<std::string>&, RegexScratch&)>;
  void add(const nlohmann::json& json, const std::string& place, const std::string& file, int depth);
  std::vector<Step> steps_;
  bool present_ = false;
};

}  // namespace ergon
