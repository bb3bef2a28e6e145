// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/utf8.hpp"

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

namespace ergon {
namespace {

struct Step {
  std::size_t bytes;  // of the character, or of the ill-formed part
  bool valid;
};

// Continuation bytes a lead byte wants, and the range of the first of them, which excludes overlong forms, surrogates and values that are
// too large.
struct Lead {
  std::size_t continuations;
  unsigned char low, high;
};

Lead lead(unsigned char c) {
  if (c >= 0xC2 && c <= 0xDF) return {1, 0x80, 0xBF};
  if (c == 0xE0) return {2, 0xA0, 0xBF};
  if (c == 0xED) return {2, 0x80, 0x9F};
  if (c >= 0xE1 && c <= 0xEF) return {2, 0x80, 0xBF};
  if (c == 0xF0) return {3, 0x90, 0xBF};
  if (c >= 0xF1 && c <= 0xF3) return {3, 0x80, 0xBF};
  if (c == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

Step step(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {1, true};
  const Lead wanted = lead(byte(0));
  if (wanted.continuations == 0) return {1, false};
  for (std::size_t i = 1; i <= wanted.continuations; ++i) {
    const unsigned char low = i == 1 ? wanted.low : 0x80, high = i == 1 ? wanted.high : 0xBF;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
  }
  return {wanted.continuations + 1, true};
}

// How many of the first bytes are ASCII, in steps of eight.
std::size_t ascii_run(std::string_view text) {
  std::size_t run = 0;
  for (std::uint64_t eight; run + 8 <= text.size(); run += 8) {
    std::memcpy(&eight, text.data() + run, 8);
    if ((eight & 0x8080808080808080) != 0) break;
  }
  return run;
}

// Of the escape \uXXXX that begins at `at`.
std::optional<unsigned> escaped_unit(std::string_view json, std::size_t at) {
  if (at + escape_bytes > json.size() || json[at] != '\\' || json[at + 1] != 'u') return std::nullopt;
  const char* end = json.data() + at + escape_bytes;
  unsigned unit = 0;
  const auto [stop, error] = std::from_chars(end - 4, end, unit, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return unit;
}

enum class Surrogate : std::uint8_t { none, high, low };

Surrogate surrogate_of(std::optional<unsigned> unit) {
  if (!unit || (*unit & 0xF800) != 0xD800) return Surrogate::none;
  return (*unit & 0xFC00) == 0xD800 ? Surrogate::high : Surrogate::low;
}

}  // namespace

std::int64_t repair_utf8(std::string& text, std::int64_t* replaced_bytes) {
  std::int64_t replaced = 0, bytes = 0;
  std::string repaired;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t run = ascii_run(std::string_view(text).substr(at)); run > 0) {
      at += run;
      continue;
    }
    const Step next = step(std::string_view(text).substr(at));
    if (!next.valid) {
      repaired.append(text, copied, at - copied).append("\xEF\xBF\xBD");
      copied = at + next.bytes;
      ++replaced;
      bytes += static_cast<std::int64_t>(next.bytes);
    }
    at += next.bytes;
  }
  if (replaced_bytes != nullptr) *replaced_bytes = bytes;
  if (replaced > 0) text = repaired.append(text, copied);
  return replaced;
}

std::int64_t replace_lone_surrogates(std::string& json) {
  std::int64_t replaced = 0;
  for (std::size_t at = json.find('\\'); at != std::string::npos; at = json.find('\\', at)) {
    const auto unit = escaped_unit(json, at);
    if (!unit) {
      at += 2;  // an escaped backslash begins no escape
      continue;
    }
    const Surrogate kind = surrogate_of(unit);
    if (kind == Surrogate::high && surrogate_of(escaped_unit(json, at + escape_bytes)) == Surrogate::low) {
      at += 2 * escape_bytes;
      continue;
    }
    if (kind != Surrogate::none) {
      json.replace(at, escape_bytes, "\\ufffd");
      ++replaced;
    }
    at += escape_bytes;
  }
  return replaced;
}

}  // namespace ergon
