// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizer.hpp"

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/data/foreign/ids_tokenizer.hpp"
#include "trainer/data/tokenizers/huggingface_tokenizer.hpp"
#include "trainer/data/tokenizers/tiktoken_tokenizer.hpp"

namespace ergon {
namespace {

class BytesTokenizer final : public Tokenizer {
 public:
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    ids.reserve(ids.size() + text.size());
    for (char c : text) ids.push_back(static_cast<unsigned char>(c));
  }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    for (std::int32_t id : ids) {
      if (id < 0 || id > 256)
        throw Error(fmt::format("token id {} is outside the vocabulary of 257", id), "tokenizer bytes",
                    "the tokens are of another tokenizer, or damaged: `ergon data verify`", ExitCode::data);
      if (id < 256) text.push_back(static_cast<char>(id));
    }
    return text;
  }

  std::string kind() const override { return "bytes"; }
  std::string definition() const override { return ""; }
  std::int64_t vocabulary() const override { return 257; }
  std::int32_t eod() const override { return 256; }
  std::int32_t bos() const override { return -1; }
  std::int32_t pad() const override { return -1; }
};

}  // namespace

std::string Tokenizer::sha256() const { return sha256_hex(kind() + "\n" + definition()); }

std::unique_ptr<Tokenizer> make_bytes_tokenizer() { return std::make_unique<BytesTokenizer>(); }

std::unique_ptr<Tokenizer> make_tokenizer(const std::string& kind, const std::string& definition) {
  if (kind == "bytes") {
    if (!definition.empty())
      throw Error("the bytes tokenizer has no definition, yet one is stored", "tokenizer",
                  "the token store was edited or damaged: import the text again", ExitCode::data);
    return make_bytes_tokenizer();
  }
  if (kind == "sentencepiece") return make_sentencepiece_tokenizer(definition);
  if (kind == ids_tokenizer_kind) return make_ids_tokenizer(definition);
  if (kind == "tiktoken") return make_tiktoken_tokenizer(definition);
  if (kind == "huggingface") return make_huggingface_tokenizer(definition);
  throw Error(fmt::format("unknown tokenizer '{}'", kind), "tokenizer",
              "this version knows bytes, sentencepiece, tiktoken, huggingface and ids", ExitCode::data);
}

}  // namespace ergon
