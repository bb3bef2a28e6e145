// SPDX-License-Identifier: Apache-2.0
// Text to token ids and back. A tokenizer is identified by its kind and the SHA-256 of what defines it; a token store carries that
// definition, so that generated ids can be read years later.
//
// Thread safety: every function here is const and may be called by several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergon {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Appends the ids of valid UTF-8 `text` to `ids`; never adds eod or bos.
  virtual void encode(std::string_view text, std::vector<std::int32_t>& ids) const = 0;
  // Special ids give no text; an id outside the vocabulary is an Error. The result may be invalid UTF-8 when `ids` cuts a character.
  virtual std::string decode(std::span<const std::int32_t> ids) const = 0;

  virtual std::string kind() const = 0;        // "bytes", "sentencepiece", "tiktoken", "huggingface"
  virtual std::string definition() const = 0;  // what `make_tokenizer` needs besides the kind; may be empty
  virtual std::int64_t vocabulary() const = 0;
  virtual std::int32_t eod() const = 0;  // ends every document
  virtual std::int32_t bos() const = 0;  // -1: none
  virtual std::int32_t pad() const = 0;  // -1: none

  std::string sha256() const;  // of kind, a line feed, definition; hexadecimal
};

// kind and definition as a tokenizer gave them. Throws Error (ExitCode::data) for an unknown kind or a definition that does not load.
std::unique_ptr<Tokenizer> make_tokenizer(const std::string& kind, const std::string& definition);

// 256 bytes and eod = 256.
std::unique_ptr<Tokenizer> make_bytes_tokenizer();

// A serialized SentencePiece model; without an end-of-sentence piece it is refused.
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(const std::string& model);
// Trains byte-pair encoding with byte fallback and returns the model; equal input gives an equal model. `next_line` gives lines without
// their end until it returns false.
std::string train_sentencepiece(std::int64_t vocabulary, const std::function<bool(std::string& line)>& next_line);

}  // namespace ergon
