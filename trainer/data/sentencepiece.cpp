// SPDX-License-Identifier: Apache-2.0
// The one file that includes SentencePiece. Its logging is kept at errors; its statuses become Error.
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "configs/error.hpp"
#include "trainer/data/tokenizer.hpp"

namespace ergon {
namespace {

constexpr std::size_t longest_line = 4096;    // bytes the trainer takes as one sentence
constexpr std::size_t longest_piece = 65536;  // bytes encoded at once, so that a book in one line costs no memory

[[noreturn]] void fail(const std::string& operation, const sentencepiece::util::Status& status, ExitCode code, const std::string& hint) {
  throw Error(fmt::format("SentencePiece cannot {} ({})", operation, status.ToString()), "tokenizer sentencepiece", hint, code);
}

// Where to cut text that is longer than `limit`: after a line feed, else after a space, else before a character. Never inside a character.
std::size_t cut_point(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  for (char boundary : {'\n', ' '})
    if (const std::size_t at = text.rfind(boundary, limit - 1); at != std::string_view::npos) return at + 1;
  std::size_t at = limit;
  while (at > 1 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(const std::string& model) : model_(model) {
    const auto status = processor_.LoadFromSerializedProto(model_);
    if (!status.ok()) fail("load the model", status, ExitCode::data, "name a .model file made by SentencePiece");
    if (processor_.eos_id() < 0)
      throw Error("the SentencePiece model has no end-of-sentence piece, which ends documents", "tokenizer sentencepiece",
                  "train it with --eos_id 0 or more", ExitCode::data);
  }

  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    std::vector<int> part;
    while (!text.empty()) {
      const std::size_t size = cut_point(text, longest_piece);
      const auto status = processor_.Encode(std::string_view(text.data(), size), &part);
      if (!status.ok()) fail("encode", status, ExitCode::data, "");
      ids.insert(ids.end(), part.begin(), part.end());
      text.remove_prefix(size);
    }
  }

  std::string decode(std::span<const std::int32_t> ids) const override {
    for (std::int32_t id : ids)
      if (id < 0 || id >= processor_.GetPieceSize())
        throw Error(fmt::format("token id {} is outside the vocabulary of {}", id, processor_.GetPieceSize()), "tokenizer sentencepiece",
                    "the tokens are of another tokenizer, or damaged: `ergon data verify`", ExitCode::data);
    std::string text;
    const auto status = processor_.Decode(std::vector<int>(ids.begin(), ids.end()), &text);
    if (!status.ok()) fail("decode", status, ExitCode::data, "");
    return text;
  }

  std::string kind() const override { return "sentencepiece"; }
  std::string definition() const override { return model_; }
  std::int64_t vocabulary() const override { return processor_.GetPieceSize(); }
  std::int32_t eod() const override { return processor_.eos_id(); }
  std::int32_t bos() const override { return processor_.bos_id(); }
  std::int32_t pad() const override { return processor_.pad_id(); }

 private:
  std::string model_;
  sentencepiece::SentencePieceProcessor processor_;
};

// Hands lines to the trainer, cut to the length it accepts.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(const std::function<bool(std::string&)>& next_line) : next_line_(next_line) { Next(); }
  bool done() const override { return done_; }
  void Next() override {
    while (rest_.empty()) {
      done_ = !next_line_(line_);
      if (done_) return;
      rest_ = line_;
    }
    const std::size_t size = cut_point(rest_, longest_line);
    value_.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
  }
  const std::string& value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::function<bool(std::string&)>& next_line_;
  std::string line_, value_;
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(const std::string& model) {
  return std::make_unique<SentencePieceTokenizer>(model);
}

std::string train_sentencepiece(std::int64_t vocabulary, const std::function<bool(std::string& line)>& next_line) {
  // Identity normalization, no dummy prefix and byte fallback: any text comes back as it was. One thread: the result does not depend on the
  // machine.
  const std::unordered_map<std::string, std::string> options = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(vocabulary)},
      {"character_coverage", "0.9995"},
      {"byte_fallback", "true"},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"split_digits", "true"},
      {"max_sentence_length", std::to_string(longest_line)},
      {"num_threads", "1"},
      {"minloglevel", "2"},
  };
  Lines lines(next_line);
  if (lines.done()) throw Error("there is no text to train a tokenizer on", "data import", "name files that hold text", ExitCode::data);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, &lines, &model);
  if (!status.ok()) fail(fmt::format("train {} pieces", vocabulary), status, ExitCode::config, "choose another --vocab, or give more text");
  return model;
}

}  // namespace ergon
