// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/pre_tokenizer.hpp"

#include <fmt/format.h>

#include <optional>

#include "trainer/data/tokenizers/code_points.hpp"
#include "trainer/data/tokenizers/general_category.hpp"
#include "trainer/data/tokenizers/pattern.hpp"
#include "trainer/data/tokenizers/split_behavior.hpp"
#include "trainer/data/tokenizers/split_pattern.hpp"

namespace ergon {
namespace {

constexpr const char* gpt2_words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Cuts a piece at the matches of a pattern.
class Split final : public PreTokenizer::Step {
 public:
  Split(Regex pattern, SplitBehavior behavior, bool invert) : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void cut(const TextPiece& piece, RegexScratch& scratch, const PieceSink& sink) const override {
    const Splitter::Sink give = [&](std::size_t begin, std::size_t end) {
      sink({piece.text.substr(begin, end - begin), piece.first && begin == 0});
    };
    Splitter splitter(behavior_, give);
    std::size_t at = 0;
    while (at < piece.text.size()) {
      const auto match = pattern_.find(piece.text, at, scratch);
      const std::size_t begin = match ? match->begin : piece.text.size();
      if (begin > at) splitter.add(at, begin, invert_);
      if (match) splitter.add(match->begin, match->end, !invert_);
      at = match ? match->end : begin;
    }
    splitter.finish();
  }

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Numbers apart from the rest, digit by digit or whole.
class Digits final : public PreTokenizer::Step {
 public:
  explicit Digits(bool each) : each_(each) {}

  void cut(const TextPiece& piece, RegexScratch&, const PieceSink& sink) const override {
    const Splitter::Sink give = [&](std::size_t begin, std::size_t end) {
      sink({piece.text.substr(begin, end - begin), piece.first && begin == 0});
    };
    Splitter splitter(SplitBehavior::contiguous, give);
    for (std::size_t at = 0; at < piece.text.size();) {
      const CodePoint c = code_point_at(piece.text, at);
      const bool digit = c.value < 0x80 ? c.value >= '0' && c.value <= '9' : is_numeric(c.value);
      if (digit && each_) splitter.finish();
      splitter.add(at, at + c.bytes, digit);
      at += c.bytes;
    }
    splitter.finish();
  }

 private:
  bool each_;
};

// Spaces become a visible character, each of which begins a piece.
class Metaspace final : public PreTokenizer::Step {
 public:
  enum class Prepend { always, first, never };
  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend), split_(split) {}

  void cut(const TextPiece& piece, RegexScratch&, const PieceSink& sink) const override {
    std::string text;
    for (const char c : piece.text) c == ' ' ? text += replacement_ : text += c;
    if (!text.starts_with(replacement_) && (prepend_ == Prepend::always || (prepend_ == Prepend::first && piece.first)))
      text.insert(0, replacement_);
    const auto give = [&](std::size_t begin, std::size_t end) {
      if (end > begin) sink({std::string_view(text).substr(begin, end - begin), piece.first && begin == 0});
    };
    std::size_t begin = 0;
    for (std::size_t at = split_ ? text.find(replacement_, 1) : std::string::npos; at != std::string::npos;
         at = text.find(replacement_, at + 1)) {
      give(begin, at);
      begin = at;
    }
    give(begin, text.size());
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

class PrefixSpace final : public PreTokenizer::Step {
 public:
  void cut(const TextPiece& piece, RegexScratch&, const PieceSink& sink) const override {
    if (piece.text.starts_with(' ')) return sink(piece);
    std::string text(1, ' ');
    text += piece.text;
    sink({text, piece.first});
  }
};

std::unique_ptr<PreTokenizer::Step> read_metaspace(Component& component) {
  const std::string replacement = component.text("replacement", "\xE2\x96\x81");
  component.ignore("str_rep");
  // An older file says add_prefix_space instead.
  const std::string scheme = component.text("prepend_scheme", component.flag("add_prefix_space", true) ? "always" : "never");
  if (replacement.empty() || code_point_at(replacement, 0).bytes != replacement.size())
    component.refuse("has a 'replacement' that is not one character");
  if (scheme != "always" && scheme != "first" && scheme != "never") component.refuse(fmt::format("has the prepend_scheme '{}'", scheme));
  const auto prepend = scheme == "always"  ? Metaspace::Prepend::always
                       : scheme == "first" ? Metaspace::Prepend::first
                                           : Metaspace::Prepend::never;
  return std::make_unique<Metaspace>(replacement, prepend, component.flag("split", true));
}

std::unique_ptr<PreTokenizer::Step> read_split(Component& component) {
  Regex pattern = read_pattern(component);
  const std::string name = component.text("behavior", "");
  const auto behavior = split_behavior(name);
  if (!behavior) component.refuse(fmt::format("has the behavior '{}'", name));
  return std::make_unique<Split>(std::move(pattern), *behavior, component.flag("invert", false));
}

}  // namespace

PreTokenizer::PreTokenizer(const nlohmann::json& json, const std::string& place, const std::string& file) { add(json, place, file, 0); }

void PreTokenizer::add(const nlohmann::json& json, const std::string& place, const std::string& file, int depth) {
  Component component(json, place, file);
  const std::string type = component.type();
  if (depth > deepest_sequence) component.refuse("is nested too deep");
  if (byte_level_) component.refuse(fmt::format("of type '{}' comes after ByteLevel, where text is bytes", type));
  if (type == "Sequence") {
    const nlohmann::json& list = component.array("pretokenizers");
    for (std::size_t i = 0; i < list.size(); ++i) add(list[i], fmt::format("{}.pretokenizers[{}]", place, i), file, depth + 1);
  } else if (type == "ByteLevel") {
    component.ignore("trim_offsets");
    if (component.flag("add_prefix_space", true)) steps_.push_back(std::make_unique<PrefixSpace>());
    const std::string where = file + ", " + place;
    if (component.flag("use_regex", true))
      steps_.push_back(std::make_unique<Split>(Regex(pcre_pattern(gpt2_words, PatternDialect::oniguruma, where), where),
                                               SplitBehavior::isolated, false));
    byte_level_ = true;
  } else if (type == "Split") {
    steps_.push_back(read_split(component));
  } else if (type == "Digits") {
    steps_.push_back(std::make_unique<Digits>(component.flag("individual_digits", false)));
  } else if (type == "Metaspace") {
    steps_.push_back(read_metaspace(component));
  } else {
    component.refuse(fmt::format("is of type '{}', which is not ByteLevel, Split, Digits, Metaspace or Sequence", type));
  }
  component.done();
}

void PreTokenizer::run_from(std::size_t step, const TextPiece& piece, RegexScratch& scratch, const PieceSink& sink) const {
  if (step == steps_.size()) return sink(piece);
  steps_[step]->cut(piece, scratch, [&](const TextPiece& part) { run_from(step + 1, part, scratch, sink); });
}

}  // namespace ergon
