// SPDX-License-Identifier: Apache-2.0
#include "configs/json_checksum.hpp"

#include <algorithm>
#include <array>

#include "configs/error.hpp"
#include "configs/sha256.hpp"

namespace ergon {
namespace {

constexpr std::string_view white = " \n\r\t", key = "\"sha256\":";

using Digits = std::array<char, 16>;

// Allocates nothing from the second call on: steps of a run write lines.
Digits checksum(std::string_view text) {
  static thread_local Sha256 hash;
  hash.restart();
  hash.add(text);
  const auto digest = hash.digest();
  Digits digits;
  for (std::size_t i = 0; i < digits.size(); ++i)
    digits[i] = "0123456789abcdef"[(std::to_integer<unsigned>(digest[i / 2]) >> (i % 2 == 0 ? 4 : 0)) & 15];
  return digits;
}

std::string_view without_trailing_white(std::string_view text) { return text.substr(0, text.find_last_not_of(white) + 1); }

// Takes `part` off the beginning of `text`, behind white space; false when something else stands there.
bool take(std::string_view& text, std::string_view part) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(white)));
  if (!text.starts_with(part)) return false;
  text.remove_prefix(part.size());
  return true;
}

}  // namespace

void add_checksum(std::string& object) {
  ERGON_CHECK(object.size() > 2 && object.ends_with('}'), "a checksum goes into an object with a key, not into: {}", object);
  object.pop_back();
  const bool over_lines = object.ends_with('\n');
  if (over_lines) object.pop_back();
  const Digits digits = checksum(object);
  object += over_lines ? ",\n  \"sha256\": \"" : ",\"sha256\":\"";
  object.append(digits.data(), digits.size());
  object += over_lines ? "\"\n}" : "\"}";
}

Checksum checksum_of(std::string_view object) {
  const std::size_t at = object.rfind(key);
  if (at == std::string_view::npos) return Checksum::absent;
  std::string_view summed = without_trailing_white(object.substr(0, at)), rest = object.substr(at + key.size());
  if (!summed.ends_with(',')) return Checksum::absent;  // the first key of an object inside
  summed.remove_suffix(1);
  const Digits digits = checksum(summed);
  const bool holds = take(rest, "\"") && take(rest, {digits.data(), digits.size()}) && take(rest, "\"") && take(rest, "}") &&
                     without_trailing_white(rest).empty();
  return holds ? Checksum::holds : Checksum::broken;
}

}  // namespace ergon
