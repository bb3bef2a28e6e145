// SPDX-License-Identifier: Apache-2.0
// The pre-tokenizer of a tokenizer.json: what cuts normalized text into the pieces that are merged. ByteLevel, Split, Digits, Metaspace and
// sequences of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/data/tokenizers/component.hpp"
#include "trainer/data/tokenizers/regex.hpp"

namespace ergon {

// A stretch of text on its way through the steps.
struct TextPiece {
  std::string_view text;
  bool first = false;  // it begins where the document does
};
using PieceSink = std::function<void(const TextPiece&)>;

class PreTokenizer {
 public:
  // One step: gives the parts of a piece, none of them empty, to `sink`, one after the other.
  class Step {
   public:
    virtual ~Step() = default;
    virtual void cut(const TextPiece& piece, RegexScratch& scratch, const PieceSink& sink) const = 0;
  };

  PreTokenizer() = default;  // the whole text is one piece
  // Throws Error (ExitCode::data) that names a part this version does not know, or one that comes after ByteLevel.
  PreTokenizer(const nlohmann::json& json, const std::string& place, const std::string& file);

  // Views handed to `sink` live until it returns.
  void run(const TextPiece& text, RegexScratch& scratch, const PieceSink& sink) const { run_from(0, text, scratch, sink); }
  // Pieces are to be merged as bytes, not as characters.
  bool byte_level() const { return byte_level_; }

 private:
  void add(const nlohmann::json& json, const std::string& place, const std::string& file, int depth);
  void run_from(std::size_t step, const TextPiece& piece, RegexScratch& scratch, const PieceSink& sink) const;
  std::vector<std::unique_ptr<Step>> steps_;
  bool byte_level_ = false;
};

}  // namespace ergon
