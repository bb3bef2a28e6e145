// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/code_points.hpp"
#include "trainer/data/tokenizers/general_category.hpp"
#include "trainer/data/tokenizers/property_class.hpp"

namespace ergon {
namespace {

constexpr std::size_t longest_pattern = 16 << 10, deepest_group = 50;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Translator {
 public:
  Translator(std::string_view pattern, PatternDialect dialect, const std::string& where)
      : pattern_(pattern), dialect_(dialect), where_(where) {}

  std::string run() {
    while (at_ < pattern_.size()) item();
    if (groups_.size() > 1) refuse("a group without its end");
    return out_;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(fmt::format("{} in the pattern, at byte {} of {}", what, at_, pattern_), where_,
                "this version reads classes, \\p{..}, \\s, \\d, groups, lookarounds, (?i:..) and quantifiers", ExitCode::data);
  }
  bool starts(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  bool caseless() const { return groups_.back(); }

  void item() {
    const char c = pattern_[at_];
    if (c == '(') return open_group();
    if (c == ')') return close_group();
    if (c == '[') return character_class();
    if (c == '\\') return escape();
    if (c == '*' || c == '+' || c == '?' || c == '{') return quantifier();
    if (c == '^' || c == '$') {
      // At lines in one of the two, at the text in the other.
      if (dialect_ == PatternDialect::oniguruma) refuse(fmt::format("'{}'", c));
      return take(1);
    }
    if (c == '|' || c == '.') {
      previous_ = 0;
      return take(1);
    }
    literal();
  }

  void take(std::size_t bytes) {
    out_ += pattern_.substr(at_, bytes);
    at_ += bytes;
  }

  void literal() {
    const CodePoint c = code_point_at(pattern_, at_);
    check_caseless(c.value);
    if (c.value < 0x80 && !is_letter(static_cast<char>(c.value)) && !is_digit(static_cast<char>(c.value)))
      out_ += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(c.value));
    else
      out_ += pattern_.substr(at_, c.bytes);
    at_ += c.bytes;
  }

  // Letters beyond ASCII fold by the library's Unicode version, and in one of the dialects some pairs of letters fold to one.
  void check_caseless(char32_t c) {
    if (!caseless()) return;
    if (c >= 0x80) refuse("a letter beyond ASCII where case is ignored");
    const char lower = static_cast<char>(c | 0x20);
    static constexpr std::string_view folded[] = {"ss", "ff", "fi", "fl", "st"};
    const char pair[] = {previous_, lower};
    if (dialect_ == PatternDialect::oniguruma && std::ranges::find(folded, std::string_view(pair, 2)) != std::end(folded))
      refuse(fmt::format("'{}' where case is ignored", std::string_view(pair, 2)));
    previous_ = lower;
  }

  void open_group() {
    if (groups_.size() > deepest_group) refuse("too many groups in one another");
    previous_ = 0;
    bool ignores = caseless();
    if (starts("(?i:")) {
      ignores = true;
      take(4);
    } else if (starts("(?i)")) {
      groups_.back() = true;
      return take(4);
    } else if (starts("(?:") || starts("(?=") || starts("(?!") || starts("(?>")) {
      take(3);
    } else if (starts("(?<=") || starts("(?<!")) {
      take(4);
    } else if (starts("(?") || starts("(*")) {
      refuse(fmt::format("'{}'", pattern_.substr(at_, 3)));
    } else {
      take(1);
    }
    groups_.push_back(ignores);
  }

  void close_group() {
    if (groups_.size() == 1) refuse("')' without its group");
    groups_.pop_back();
    previous_ = 0;
    take(1);
  }

  void quantifier() {
    previous_ = 0;
    const bool braces = pattern_[at_] == '{';
    std::size_t size = 1;
    if (braces) {
      bool comma = false, digits = false;
      while (at_ + size < pattern_.size() && (is_digit(pattern_[at_ + size]) || (pattern_[at_ + size] == ',' && !comma && digits))) {
        comma = comma || pattern_[at_ + size] == ',';
        digits = digits || is_digit(pattern_[at_ + size]);
        ++size;
      }
      if (!digits || at_ + size >= pattern_.size() || pattern_[at_ + size] != '}') refuse("'{' that is no quantifier");
      ++size;
    }
    take(size);
    if (at_ == pattern_.size() || (pattern_[at_] != '?' && pattern_[at_] != '+')) return;
    // After braces these signs make another quantifier there.
    if (braces && dialect_ == PatternDialect::oniguruma) refuse(fmt::format("'{}' after '}}'", pattern_[at_]));
    take(1);
  }

  // One escape outside a class.
  void escape() {
    previous_ = 0;
    std::string items;
    const bool outside = escaped_items(items);
    if (outside)
      out_ += "[^" + items + "]";
    else
      out_ += "[" + items + "]";
  }

  // Reads an escape as the inside of a class; true when it stands for what is NOT in it (\S, \P{..}), which only a class of its own can
  // say.
  bool escaped_items(std::string& items) {
    if (at_ + 1 >= pattern_.size()) refuse("'\\' at the end");
    const char c = pattern_[at_ + 1];
    if (c == 'p' || c == 'P') return property(items);
    if (c == 's' || c == 'S' || c == 'd' || c == 'D') {
      at_ += 2;
      items = c == 's' || c == 'S' ? class_items(white_space()) : property_items("Nd");
      return c == 'S' || c == 'D';
    }
    items = fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(escaped_character()));
    return false;
  }

  bool property(std::string& items) {
    if (caseless()) refuse("\\p where case is ignored");
    const std::size_t end = pattern_.find('}', at_);
    if (at_ + 2 >= pattern_.size() || pattern_[at_ + 2] != '{' || end == std::string_view::npos) refuse("\\p without {..}");
    const std::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    items = property_items(name);
    if (items.empty()) refuse(fmt::format("\\p{{{}}}, which is no general category,", name));
    const bool outside = pattern_[at_ + 1] == 'P';
    at_ = end + 1;
    return outside;
  }

  // \n, \x41, \x{41}, \u0041, \. : one character.
  char32_t escaped_character() {
    const char c = pattern_[at_ + 1];
    static constexpr std::string_view letters = "nrtfv", values = "\n\r\t\f\v";
    if (const std::size_t known = letters.find(c); known != std::string_view::npos) {
      at_ += 2;
      return static_cast<unsigned char>(values[known]);
    }
    if (c == 'x' || c == 'u') return hexadecimal(c == 'x' ? 2 : 4);
    if (is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80) refuse(fmt::format("'\\{}'", c));
    at_ += 2;
    check_caseless(static_cast<unsigned char>(c));
    return static_cast<unsigned char>(c);
  }

  char32_t hexadecimal(std::size_t digits) {
    std::size_t begin = at_ + 2, end = begin + digits;
    const bool braces = begin < pattern_.size() && pattern_[begin] == '{';
    if (braces) end = pattern_.find('}', ++begin);
    char32_t value = 0;
    for (std::size_t i = begin; i < end || i == begin; ++i) {
      const char c = i < pattern_.size() ? pattern_[i] : '?';
      if (!is_digit(c) && (!is_letter(c) || (c | 0x20) > 'f')) refuse("a character that is not written in hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
      if (value > 0x10FFFF) refuse("a character beyond U+10FFFF");
    }
    if (value >= 0xD800 && value <= 0xDFFF) refuse("a surrogate");
    check_caseless(value);
    previous_ = 0;
    at_ = braces ? end + 1 : end;
    return value;
  }

  void character_class() {
    previous_ = 0;
    const std::size_t begin = at_;
    take(1);
    if (starts("^")) take(1);
    if (starts("]")) refuse("']' at the head of a class");
    while (at_ < pattern_.size() && pattern_[at_] != ']') class_member();
    if (at_ == pattern_.size()) {
      at_ = begin;
      refuse("a class without its end");
    }
    take(1);
    previous_ = 0;
  }

  void class_member() {
    for (const char* sets : {"&&", "--", "~~", "[", "||"})
      if (starts(sets)) refuse(fmt::format("'{}' inside a class", sets));
    if (starts("\\") && at_ + 1 < pattern_.size() && std::string_view("pPsSdD").find(pattern_[at_ + 1]) != std::string_view::npos) {
      std::string items;
      const char sign = pattern_[at_ + 1];
      if (!escaped_items(items)) {
        out_ += items;
      } else {
        if (sign != 'S') refuse(fmt::format("'\\{}' inside a class", sign));
        out_ += class_items(complement(white_space()));
      }
      if (starts("-") && !starts("-]")) refuse("a range that begins with a class");
      return;
    }
    const char32_t first = class_character();
    if (starts("--")) refuse("'--' inside a class");
    if (!starts("-") || starts("-]")) {
      out_ += class_items({{first, first}});
      return;
    }
    ++at_;
    if (at_ == pattern_.size() || starts("[") ||
        (starts("\\") && at_ + 1 < pattern_.size() && std::string_view("pPsSdD").find(pattern_[at_ + 1]) != std::string_view::npos))
      refuse("a range that ends with a class");
    const char32_t last = class_character();
    if (last < first) refuse("a range from the higher to the lower");
    out_ += class_items({{first, last}});
  }

  char32_t class_character() {
    previous_ = 0;
    if (pattern_[at_] == '\\') {
      if (at_ + 1 >= pattern_.size()) refuse("'\\' at the end");
      return escaped_character();
    }
    const CodePoint c = code_point_at(pattern_, at_);
    check_caseless(c.value);
    at_ += c.bytes;
    return c.value;
  }

  std::string_view pattern_;
  PatternDialect dialect_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<bool> groups_ = {false};  // of each open group, whether it ignores case; the first is the whole pattern
  char previous_ = 0;                   // the literal before, in lower case, where case is ignored
};

}  // namespace

std::string pcre_pattern(std::string_view pattern, PatternDialect dialect, const std::string& where) {
  if (pattern.size() > longest_pattern)
    throw Error(fmt::format("the pattern has {} bytes, more than {}", pattern.size(), longest_pattern), where,
                "no known tokenizer needs that", ExitCode::data);
  return Translator(pattern, dialect, where).run();
}

std::string pcre_literal(std::string_view text) {
  std::string pattern;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    pattern += class_items({{c.value, c.value}});
    at += c.bytes;
  }
  return pattern;
}

}  // namespace ergon
