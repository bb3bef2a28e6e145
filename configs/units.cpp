// SPDX-License-Identifier: Apache-2.0
#include "configs/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "configs/decimal.hpp"
#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

struct ByteUnit {
  const char* name;
  std::int64_t bytes;
};
constexpr std::array<ByteUnit, 11> byte_units = {{{"PiB", 1LL << 50},
                                                  {"TiB", 1LL << 40},
                                                  {"GiB", 1LL << 30},
                                                  {"MiB", 1LL << 20},
                                                  {"KiB", 1LL << 10},
                                                  {"PB", 1'000'000'000'000'000},
                                                  {"TB", 1'000'000'000'000},
                                                  {"GB", 1'000'000'000},
                                                  {"MB", 1'000'000},
                                                  {"kB", 1'000},
                                                  {"B", 1}}};

struct TimeUnit {
  const char* name;
  double seconds;
};
// Milliseconds come last and are divided by 1000, so that "500 ms" is the double 0.5 and "1 ms" the double nearest to 0.001.
constexpr std::array<TimeUnit, 4> time_units = {{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}};

constexpr const char* pfs_days = "pfs-days";
constexpr int pfs_day_power = 17;
constexpr unsigned __int128 pfs_day_digits = 864;  // x 10^17

constexpr const char* bytes_hint = "write for instance 4096, \"25 MiB\" or \"2 GB\"";
constexpr const char* time_hint = "write for instance \"30 min\", \"1 h 30 min\", \"500 ms\", or a number of seconds";
constexpr const char* flops_hint = "write for instance \"10 pfs-days\" or \"1e21\"";

// Takes a number off the front of text and then the word behind it, with the spaces around both.
struct Part {
  std::string_view number, unit;
};
Part take_part(std::string_view& text) {
  auto skip_spaces = [&] { text.remove_prefix(std::min(text.find_first_not_of(' '), text.size())); };
  skip_spaces();
  std::size_t end = 0;
  while (end < text.size()) {
    char c = text[end];
    bool exponent =
        (c == 'e' || c == 'E') && end + 1 < text.size() && std::string_view("0123456789+-").find(text[end + 1]) != std::string_view::npos;
    bool sign = (c == '+' || c == '-') && end > 0 && (text[end - 1] == 'e' || text[end - 1] == 'E');
    if (!exponent && !sign && c != '.' && (c < '0' || c > '9')) break;
    ++end;
  }
  Part part{text.substr(0, end), {}};
  text.remove_prefix(end);
  skip_spaces();
  end = std::min(text.find_first_of(" 0123456789."), text.size());
  part.unit = text.substr(0, end);
  text.remove_prefix(end);
  skip_spaces();
  return part;
}

std::optional<double> read_double(std::string_view text) {
  if (!read_decimal(text)) return std::nullopt;
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void refuse_unit(const std::string& text, std::string_view unit, const std::vector<std::string>& known, const char* hint) {
  throw Error(fmt::format("'{}' has the unknown unit '{}'", text, unit), "",
              did_you_mean(std::string(unit), known, fmt::format("units: {}; {}", fmt::join(known, " "), hint)));
}

}  // namespace

Bytes parse_bytes(const std::string& text) {
  std::string_view rest = text;
  Part part = take_part(rest);
  std::optional<Decimal> number = read_decimal(part.number);
  if (!number || !rest.empty()) throw Error(fmt::format("'{}' is not a size in bytes", text), "", bytes_hint);

  std::int64_t factor = part.unit.empty() ? 1 : 0;
  std::vector<std::string> names;
  for (const ByteUnit& unit : byte_units) {
    if (part.unit == unit.name) factor = unit.bytes;
    names.emplace_back(unit.name);
  }
  if (factor == 0) refuse_unit(text, part.unit, names, bytes_hint);

  std::optional<unsigned __int128> bytes = whole(*number, static_cast<unsigned __int128>(factor));
  if (!bytes || *bytes > static_cast<unsigned __int128>(std::numeric_limits<std::int64_t>::max()))
    throw Error(fmt::format("'{}' is not a whole number of bytes below 2^63", text), "", bytes_hint);
  return {static_cast<std::int64_t>(*bytes)};
}

Seconds parse_seconds(const std::string& text) {
  std::string_view rest = text;
  double total = 0;
  double previous = std::numeric_limits<double>::infinity();
  do {
    Part part = take_part(rest);
    std::optional<double> number = read_double(part.number);
    if (!number) throw Error(fmt::format("'{}' is not a time", text), "", time_hint);
    double factor = 0;
    for (const TimeUnit& unit : time_units)
      if (part.unit == unit.name) factor = unit.seconds;
    if (part.unit == "ms") factor = 1e-3;
    bool bare = part.unit.empty() && rest.empty() && std::isinf(previous);
    if (bare) factor = 1;
    if (part.unit.empty() && !bare) throw Error(fmt::format("'{}' has a number without a unit", text), "", time_hint);
    if (factor == 0) refuse_unit(text, part.unit, {"d", "h", "min", "s", "ms"}, time_hint);
    if (factor >= previous) throw Error(fmt::format("'{}' does not go from large units to small ones, each once", text), "", time_hint);
    previous = factor;
    total += part.unit == "ms" ? *number / 1000 : *number * factor;
  } while (!rest.empty());
  return {total};
}

Flops parse_flops(const std::string& text) {
  std::string_view rest = text;
  Part part = take_part(rest);
  std::optional<Decimal> number = read_decimal(part.number);
  if (!number || !rest.empty()) throw Error(fmt::format("'{}' is not a number of FLOPs", text), "", flops_hint);

  bool days = part.unit == pfs_days || part.unit == "pfs-day";
  if (!days && !part.unit.empty()) refuse_unit(text, part.unit, {pfs_days}, flops_hint);
  std::optional<unsigned __int128> flops = days ? whole(*number, pfs_day_digits, pfs_day_power) : whole(*number);
  if (!flops) throw Error(fmt::format("'{}' is not a whole number of FLOPs below 2^128", text), "", flops_hint);
  return {*flops};
}

std::string to_text(Bytes bytes) {
  if (bytes.value == 0) return "0 B";
  ByteUnit best = byte_units.back();
  for (const ByteUnit& unit : byte_units)
    if (bytes.value % unit.bytes == 0 && unit.bytes > best.bytes) best = unit;
  return fmt::format("{} {}", bytes.value / best.bytes, best.name);
}

std::string to_text(Seconds seconds) {
  double rest = seconds.value;
  double milliseconds = std::round(rest * 1000);
  if (rest < 1 && rest > 0 && milliseconds / 1000 == rest) return fmt::format("{} ms", milliseconds);
  if (rest != std::floor(rest) || rest < 60 || rest >= 1e15) return fmt::format("{} s", rest);
  std::string text;
  for (const TimeUnit& unit : time_units) {
    double count = std::floor(rest / unit.seconds);
    if (count == 0) continue;
    text += fmt::format("{}{:.0f} {}", text.empty() ? "" : " ", count, unit.name);
    rest -= count * unit.seconds;
  }
  return text;
}

std::string to_text(Flops flops) {
  unsigned __int128 day = pfs_day_digits;
  for (int i = 0; i < pfs_day_power; ++i) day *= 10;
  if (flops.value == 0 || flops.value % day != 0) return to_decimal(flops);
  return fmt::format("{} {}", to_decimal({flops.value / day}), pfs_days);
}

}  // namespace ergon
