// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/normalizer.hpp"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uniset.h>

#include <algorithm>
#include <memory>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/split_pattern.hpp"

namespace ergon {
namespace {

constexpr const char* known_characters = "[:age=9.0:]";

[[noreturn]] void fail(UErrorCode status, const std::string& where) {
  throw Error(fmt::format("ICU cannot normalize text ({})", u_errorName(status)), where, "check the installation of libicu",
              ExitCode::data);
}

// What normalizes by an older Unicode than ICU's own.
class OlderNormalizer {
 public:
  OlderNormalizer(const icu::Normalizer2& whole, const std::string& where)
      : characters_(icu::UnicodeString::fromUTF8(known_characters), status_), filtered_(whole, characters_), where_(where) {
    if (U_FAILURE(status_)) fail(status_, where_);
    characters_.freeze();
  }
  void apply(std::string& text) const {
    // ASCII is its own normal form.
    if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return;
    UErrorCode status = U_ZERO_ERROR;
    std::string normal;
    icu::StringByteSink<std::string> sink(&normal);
    filtered_.normalizeUTF8(0, text, sink, nullptr, status);
    if (U_FAILURE(status)) fail(status, where_);
    text = std::move(normal);
  }

 private:
  UErrorCode status_ = U_ZERO_ERROR;
  icu::UnicodeSet characters_;
  icu::FilteredNormalizer2 filtered_;
  std::string where_;
};

const icu::Normalizer2* instance(const std::string& type, UErrorCode& status) {
  if (type == "NFC") return icu::Normalizer2::getNFCInstance(status);
  if (type == "NFD") return icu::Normalizer2::getNFDInstance(status);
  if (type == "NFKC") return icu::Normalizer2::getNFKCInstance(status);
  if (type == "NFKD") return icu::Normalizer2::getNFKDInstance(status);
  return nullptr;
}

}  // namespace

Normalizer::Normalizer(const nlohmann::json& json, const std::string& place, const std::string& file) { add(json, place, file, 0); }

void Normalizer::add(const nlohmann::json& json, const std::string& place, const std::string& file, int depth) {
  Component component(json, place, file);
  const std::string type = component.type(), where = file + ", " + place;
  UErrorCode status = U_ZERO_ERROR;
  if (depth > deepest_sequence) component.refuse("is nested too deep");
  if (type == "Sequence") {
    const nlohmann::json& list = component.array("normalizers");
    for (std::size_t i = 0; i < list.size(); ++i) add(list[i], fmt::format("{}.normalizers[{}]", place, i), file, depth + 1);
  } else if (const icu::Normalizer2* whole = instance(type, status); whole != nullptr || U_FAILURE(status)) {
    if (U_FAILURE(status)) fail(status, where);
    const auto normalizer = std::make_shared<const OlderNormalizer>(*whole, where);
    steps_.push_back([normalizer](std::string& text, RegexScratch&) { normalizer->apply(text); });
  } else if (type == "Prepend") {
    const std::string prefix = component.text("prepend", "");
    steps_.push_back([prefix](std::string& text, RegexScratch&) {
      if (!text.empty()) text.insert(0, prefix);
    });
  } else if (type == "Replace") {
    const auto pattern = std::make_shared<const Regex>(read_pattern(component));
    const std::string content = component.text("content", "");
    steps_.push_back([pattern, content](std::string& text, RegexScratch& scratch) { replace_matches(text, *pattern, content, scratch); });
  } else {
    component.refuse(fmt::format("is of type '{}', which is not NFC, NFD, NFKC, NFKD, Prepend, Replace or Sequence", type));
  }
  component.done();
}

void Normalizer::apply(std::string& text, RegexScratch& scratch) const {
  for (const Step& step : steps_) step(text, scratch);
}

}  // namespace ergon
