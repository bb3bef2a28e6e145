// SPDX-License-Identifier: Apache-2.0
// The normalizer of a tokenizer.json: NFC, NFD, NFKC, NFKD, Prepend, Replace, and sequences of them. The one door to ICU.
//
// The package normalizes by Unicode 9.0; ICU is kept to the characters of that version, which gives the same result.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "trainer/data/tokenizers/component.hpp"
#include "trainer/data/tokenizers/regex.hpp"

namespace ergon {

class Normalizer {
 public:
  Normalizer() = default;  // text as it is
  // Throws Error (ExitCode::data) that names a part this version does not know.
  Normalizer(const nlohmann::json& json, const std::string& place, const std::string& file);

  // `text` is valid UTF-8, and so is the result.
  void apply(std::string& text, RegexScratch& scratch) const;
  bool empty() const { return steps_.empty(); }

 private:
  using Step = std::function<void(std::string&, RegexScratch&)>;
  void add(const nlohmann::json& json, const std::string& place, const std::string& file, int depth);
  std::vector<Step> steps_;
};

}  // namespace ergon
