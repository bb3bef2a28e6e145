// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/property_class.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "trainer/data/tokenizers/code_points.hpp"
#include "trainer/data/tokenizers/regex.hpp"

namespace ergon {
namespace {

constexpr CodePointRange surrogates = {0xD800, 0xDFFF};

const std::string& every_code_point() {
  static const std::string text = [] {
    std::string all;
    for (char32_t c = 0; c <= 0x10FFFF; ++c)
      if (c < surrogates.first || c > surrogates.last) append_utf8(c, all);
    return all;
  }();
  return text;
}

// What PCRE2 takes for the property.
std::vector<CodePointRange> known_to_pcre(std::string_view property) {
  const Regex runs(fmt::format("\\p{{{}}}++", property), "\\p");
  RegexScratch scratch;
  const std::string& text = every_code_point();
  std::vector<CodePointRange> ranges;
  for (std::size_t at = 0;;) {
    const auto match = runs.find(text, at, scratch);
    if (!match) break;
    at = match->end;
    const char32_t first = code_point_at(text, match->begin).value, last = last_code_point(std::string_view(text).substr(0, match->end));
    if (first < surrogates.first && last > surrogates.last) {
      ranges.push_back({first, surrogates.first - 1});
      ranges.push_back({surrogates.last + 1, last});
    } else {
      ranges.push_back({first, last});
    }
  }
  return ranges;
}

// What is in `these` and not in `those`; both in order.
std::vector<CodePointRange> difference(const std::vector<CodePointRange>& these, const std::vector<CodePointRange>& those) {
  std::vector<CodePointRange> left;
  auto other = those.begin();
  for (CodePointRange range : these) {
    while (other != those.end() && other->last < range.first) ++other;
    for (auto cut = other; cut != those.end() && cut->first <= range.last; ++cut) {
      if (cut->first > range.first) left.push_back({range.first, cut->first - 1});
      range.first = cut->last + 1;
    }
    if (range.first <= range.last) left.push_back(range);
  }
  return left;
}

std::string make_items(std::string_view property) {
  const auto wanted = code_points_of(property);
  if (!wanted) return "";
  const std::vector<CodePointRange> known = known_to_pcre(property), characters = difference(*wanted, {surrogates});
  // A PCRE2 that takes more than the reference knows cannot be mended by adding.
  if (!difference(known, characters).empty()) return class_items(characters);
  return fmt::format("\\p{{{}}}{}", property, class_items(difference(characters, known)));
}

}  // namespace

std::string class_items(const std::vector<CodePointRange>& ranges) {
  std::string items;
  for (const CodePointRange& range : ranges) {
    items += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(range.first));
    if (range.last > range.first) items += fmt::format("-\\x{{{:X}}}", static_cast<std::uint32_t>(range.last));
  }
  return items;
}

std::vector<CodePointRange> complement(const std::vector<CodePointRange>& ranges) {
  return difference({{0, surrogates.first - 1}, {surrogates.last + 1, 0x10FFFF}}, ranges);
}

std::string property_items(std::string_view property) {
  static std::mutex mutex;
  static std::map<std::string, std::string, std::less<>> made;
  const std::lock_guard lock(mutex);
  const auto found = made.find(property);
  if (found != made.end()) return found->second;
  return made.emplace(property, make_items(property)).first->second;
}

}  // namespace ergon
