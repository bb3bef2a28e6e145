// SPDX-License-Identifier: Apache-2.0
// The one file that includes SentencePiece. Its logging is kept at errors; its statuses become Error.
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "configs/error.hpp"
#include "trainer/data/charsmap.hpp"
#include "trainer/data/tokenizer.hpp"

namespace ergon {
namespace {

constexpr std::size_t longest_line = 4096;               // bytes the trainer takes as one sentence
constexpr std::size_t part_bytes = 65536;                // encoded at once where the model allows: a byte of text takes up to 250
constexpr std::string_view space_mark = "\xE2\x96\x81";  // U+2581, which stands for a space in pieces

[[noreturn]] void fail(const std::string& operation, const sentencepiece::util::Status& status, ExitCode code, const std::string& hint) {
  throw Error(fmt::format("SentencePiece cannot {} ({})", operation, status.ToString()), "tokenizer sentencepiece", hint, code);
}

// Where to cut a line that is longer than the trainer takes: after a line feed, else after a space, else before a character, never inside.
std::size_t line_cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  for (char boundary : {'\n', ' '})
    if (const std::size_t at = text.rfind(boundary, limit - 1); at != std::string_view::npos) return at + 1;
  std::size_t at = limit;
  while (at > 1 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

// The fields of a message of protocol buffers: numbers by their value, the others as bytes. Those of a group, too, as the message's own.
void for_each_field(std::string_view message,
                    const std::function<void(std::uint64_t field, std::uint64_t number, std::string_view bytes)>& use) {
  const auto number = [&] {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !message.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message.front());
      message.remove_prefix(1);
      value |= std::uint64_t{byte & 127U} << shift;
      if (byte < 128) break;
    }
    return value;
  };
  while (!message.empty()) {
    const auto tag = static_cast<std::uint32_t>(number());
    const std::uint32_t kind = tag & 7;
    const std::uint64_t value = kind == 0 ? number() : 0;
    const std::uint64_t size = kind == 2 ? number() : kind == 1 ? 8 : kind == 5 ? 4 : 0;
    const std::string_view bytes = message.substr(0, size);
    use(tag >> 3, value, bytes);
    message.remove_prefix(bytes.size());
  }
}

// Both what text and what ids become, by the tables of the model.
void check_charsmaps(std::string_view model) {
  for_each_field(model, [](std::uint64_t part, std::uint64_t, std::string_view spec) {
    if (part != 3 && part != 5) return;  // normalizer_spec, denormalizer_spec
    for_each_field(spec, [](std::uint64_t field, std::uint64_t, std::string_view table) {
      if (field == 2) check_charsmap(table);
    });
  });
}

// Where text may be cut so that the ids of its parts are those of the whole.
enum class Cuts {
  nowhere,  // the normalizer looks beyond a character, or the best pieces depend on all of the text
  free,
  with_prefix,  // a text begins with a space that the model adds: so a part that follows is given without its own
};

// Byte-pair merges act on neighbours alone, so no cut between two pieces changes them, provided that text becomes pieces one character at
// a time, spaces as U+2581, and what is in no piece becomes bytes (else a run of it is one id).
Cuts cuts_of(std::string_view model) {
  std::uint64_t type = 1, byte_fallback = 0, suffix = 0, prefix = 1, fewer_spaces = 1, spaces_marked = 1;
  bool rules = false;
  for_each_field(model, [&](std::uint64_t part, std::uint64_t, std::string_view bytes) {
    if (part == 2)  // trainer_spec
      for_each_field(bytes, [&](std::uint64_t field, std::uint64_t number, std::string_view) {
        if (field == 3) type = number;
        if (field == 24) suffix = number;
        if (field == 35) byte_fallback = number;
      });
    if (part == 3)  // normalizer_spec
      for_each_field(bytes, [&](std::uint64_t field, std::uint64_t number, std::string_view text) {
        if (field == 2) rules = !text.empty();
        if (field == 3) prefix = number;
        if (field == 4) fewer_spaces = number;
        if (field == 5) spaces_marked = number;
      });
  });
  constexpr std::uint64_t byte_pairs = 2;
  if (type != byte_pairs || !byte_fallback || suffix || rules || fewer_spaces || !spaces_marked) return Cuts::nowhere;
  return prefix ? Cuts::with_prefix : Cuts::free;
}

// Whether a piece may reach over the place before a space. A symbol with a space of its own is looked for in the text as it came.
bool holds_spaces(std::string_view piece) {
  if (piece.find(' ') != std::string_view::npos) return true;
  while (piece.starts_with(space_mark)) piece.remove_prefix(space_mark.size());
  return piece.find(space_mark) != std::string_view::npos;
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(const std::string& model) : model_(model) {
    check_charsmaps(model_);  // before the library encodes the samples that a model may hold
    const auto status = processor_.LoadFromSerializedProto(model_);
    if (!status.ok()) fail("load the model", status, ExitCode::data, "name a .model file made by SentencePiece");
    if (processor_.eos_id() < 0)
      throw Error("the SentencePiece model has no end-of-sentence piece, which ends documents", "tokenizer sentencepiece",
                  "train it with --eos_id 0 or more", ExitCode::data);
    cuts_ = cuts_of(model_);
    after_lines_ = cuts_ == Cuts::free;
    for (int id = 0; id < processor_.GetPieceSize(); ++id) {
      const std::string& piece = processor_.IdToPiece(id);
      if (holds_spaces(piece)) cuts_ = Cuts::nowhere;
      if (piece.find('\n') < piece.size() - 1) after_lines_ = false;
    }
  }

  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    std::vector<int> part;
    while (!text.empty()) {
      const std::size_t size = part_of(text);
      const auto status = processor_.Encode(std::string_view(text.data(), size), &part);
      if (!status.ok()) fail("encode", status, ExitCode::data, "");
      ids.insert(ids.end(), part.begin(), part.end());
      text.remove_prefix(size);
      if (!text.empty() && cuts_ == Cuts::with_prefix) text.remove_prefix(1);  // the space that the prefix stands for
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
  // Bytes of the text that are encoded next.
  std::size_t part_of(std::string_view text) const {
    if (cuts_ == Cuts::nowhere || text.size() <= part_bytes) return text.size();
    std::size_t at = part_bytes;
    while (at > 0 && !may_cut(text, at)) --at;
    if (at > 0) return at;
    for (at = part_bytes + 1; at < text.size() && !may_cut(text, at);) ++at;
    return at;
  }

  // Behind the end of a line, or before the first of some spaces.
  bool may_cut(std::string_view text, std::size_t at) const {
    const std::string_view before = text.substr(0, at);
    if (after_lines_ && before.ends_with('\n')) return true;
    return text[at] == ' ' && at + 1 < text.size() && !before.ends_with(' ') && !before.ends_with(space_mark);
  }

  Cuts cuts_ = Cuts::nowhere;
  bool after_lines_ = false;
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
    const std::size_t size = line_cut(rest_, longest_line);
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
