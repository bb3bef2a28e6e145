// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/pattern.hpp"

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/tokenizers/regex.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

constexpr auto rust = PatternDialect::rust, oniguruma = PatternDialect::oniguruma;

// The matches of a pattern in a text, with bars between.
std::string matches(std::string_view pattern, std::string_view text, PatternDialect dialect = rust) {
  const Regex regex(pcre_pattern(pattern, dialect, "here"), "here");
  RegexScratch scratch;
  std::string found;
  for (std::size_t at = 0;;) {
    const auto match = regex.find(text, at, scratch);
    if (!match) return found;
    found += std::string(text.substr(match->begin, match->end - match->begin)) + "|";
    at = match->end;
  }
}

std::string pattern_refusal(const std::string& pattern, PatternDialect dialect = rust) {
  return problem_of([&] { pcre_pattern(pattern, dialect, "here"); });
}

}  // namespace

TEST_CASE("pattern: what is common to the dialects keeps its meaning") {
  CHECK(matches("a|b+", "abbb") == "a|bbb|");
  CHECK(matches("(?:ab){2,3}|c{2}", "ababccab") == "abab|cc|");
  CHECK(matches("a{1,2}?", "aa") == "a|a|");
  CHECK(matches("a++|.", "aab") == "aa|b|");
  CHECK(matches("[^a-c\\]]", "ab]d") == "d|");
  CHECK(matches("[a\\-c]+", "ab-c") == "a|-c|");
  CHECK(matches("[a-]+", "a-b") == "a-|");
  CHECK(matches("x(?!y)|(?<=x)y|(?<!x)z|q(?=w)|(?>k+)", "xyxz") == "y|x|");
  CHECK(matches("\\x41\\u0042\\x{43}\\.", "ABC.") == "ABC.|");
  CHECK(matches("#|&| ", "#& ") == "#|&| |");
}

TEST_CASE("pattern: white space, digits and properties are those of the references") {
  CHECK(matches("\\s+", "a \t\xC2\x85\xE3\x80\x80 b") == " \t\xC2\x85\xE3\x80\x80 |");
  CHECK(matches("\\s", "\xE1\xA0\x8E").empty());  // U+180E is white space for PCRE2 alone
  CHECK(matches("\\S+", "a b") == "a|b|");
  CHECK(matches("[^\\S\\n]+", "a \n b") == " | |");
  CHECK(matches("\\d+", "12\xD9\xA1") == "12\xD9\xA1|");
  CHECK(matches("\\D", "1a") == "a|");
  CHECK(matches("\\p{L}+", "a\xF0\x90\xB5\x90 1") == "a\xF0\x90\xB5\x90|");  // U+10D50 is of Unicode 16
  CHECK(matches("\\P{L}", "a1") == "1|");
  CHECK(matches("[^\\s\\p{L}\\p{N}]+", "a,;1 -") == ",;|-|");
}

TEST_CASE("pattern: case is ignored where the reference ignores it") {
  CHECK(matches("(?i:'s|'ve)|s", "'S'Ves") == "'S|'Ve|s|");
  CHECK(matches("'(?i:[sd])", "'\xC5\xBF'D") == "'\xC5\xBF|'D|");
  CHECK(matches("(?i)ab", "AB") == "AB|");
  CHECK(matches("(?:(?i)a)b", "AbAB") == "Ab|");
}

TEST_CASE("pattern: ends are of the text") { CHECK(matches("\\s++$|\\s", "a\n b \n") == "\n| | \n|"); }

TEST_CASE("pattern: what the reference would read otherwise is refused") {
  CHECK(contains(pattern_refusal("a{1,3}+", oniguruma), "here: '+' after '}' in the pattern, at byte 6"));
  CHECK(pattern_refusal("a{1,3}+") == "no error");
  CHECK(contains(pattern_refusal("a$", oniguruma), "'$' in the pattern"));
  CHECK(contains(pattern_refusal("(?i:ss)", oniguruma), "'ss' where case is ignored"));
  CHECK(pattern_refusal("(?i:ss)") == "no error");
  CHECK(contains(pattern_refusal("(?i:\xC3\xA9)"), "a letter beyond ASCII where case is ignored"));
  CHECK(contains(pattern_refusal("(?i:\\p{L})"), "\\p where case is ignored"));
  CHECK(contains(pattern_refusal("[a&&b]"), "'&&' inside a class"));
  CHECK(contains(pattern_refusal("[[a]]"), "'[' inside a class"));
  CHECK(contains(pattern_refusal("[a--b]"), "'--' inside a class"));
  CHECK(contains(pattern_refusal("[]a]"), "']' at the head of a class"));
  CHECK(contains(pattern_refusal("\\w+"), "'\\w' in the pattern"));
  CHECK(contains(pattern_refusal("a\\b"), "'\\b' in the pattern"));
  CHECK(contains(pattern_refusal("(a)\\1"), "'\\1' in the pattern"));
  CHECK(contains(pattern_refusal("(?<n>a)"), "'(?<' in the pattern"));
  CHECK(contains(pattern_refusal("(*UCP)a"), "'(*U' in the pattern"));
  CHECK(contains(pattern_refusal("\\p{Han}"), "\\p{Han}, which is no general category"));
  CHECK(contains(pattern_refusal("\\pL"), "\\p without {..}"));
  CHECK(contains(pattern_refusal("[\\P{L}]"), "'\\P' inside a class"));
  CHECK(contains(pattern_refusal("[a-\\s]"), "a range that ends with a class"));
  CHECK(contains(pattern_refusal("[\\s-a]"), "a range that begins with a class"));
  CHECK(contains(pattern_refusal("[b-a]"), "a range from the higher to the lower"));
  CHECK(contains(pattern_refusal("a{,3}"), "'{' that is no quantifier"));
  CHECK(contains(pattern_refusal("[a"), "a class without its end"));
  CHECK(contains(pattern_refusal("(a"), "a group without its end"));
  CHECK(contains(pattern_refusal("a)"), "')' without its group"));
  CHECK(contains(pattern_refusal("a\\"), "'\\' at the end"));
  CHECK(contains(pattern_refusal("\\x{110000}"), "a character beyond U+10FFFF"));
  CHECK(contains(pattern_refusal("\\ud800"), "a surrogate"));
  CHECK(contains(pattern_refusal("\\xg1"), "not written in hexadecimal digits"));
  CHECK(contains(pattern_refusal(std::string(60, '(')), "too many groups in one another"));
  CHECK(contains(pattern_refusal(std::string(20'000, 'a')), "the pattern has 20000 bytes"));
}

TEST_CASE("pattern: a literal is itself") {
  RegexScratch scratch;
  const std::string text = ".*[\\E\xE2\x96\x81";
  const auto match = Regex(pcre_literal(text), "here").find("x" + text, 0, scratch);
  REQUIRE(match);
  CHECK(match->begin == 1);
  CHECK(match->end == 1 + text.size());
}
