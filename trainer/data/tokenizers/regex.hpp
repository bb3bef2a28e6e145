// SPDX-License-Identifier: Apache-2.0
// Regular expressions over UTF-8: the one door to PCRE2. Compiled to machine code where PCRE2 can; a match that would take too many steps
// or too deep a stack is an Error, so no pattern and no text can hold an import up for ever.
//
// Thread safety: a Regex may be used by several threads, a RegexScratch by one at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ergon {

// What a search works in; any pattern may use it.
class RegexScratch {
 public:
  RegexScratch();
  RegexScratch(RegexScratch&&) noexcept;
  RegexScratch& operator=(RegexScratch&&) noexcept;
  ~RegexScratch();

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

class Regex {
 public:
  struct Match {
    std::size_t begin, end;  // bytes; end > begin
  };

  // `pattern` in PCRE2's syntax, `where` what an Error names. Throws Error (ExitCode::data) for a pattern that does not compile, and for
  // one that can match nothing at all: it would split text into empty pieces.
  Regex(const std::string& pattern, const std::string& where);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // The first match that begins at `from` or later; `text` is valid UTF-8, what stands before `from` is seen by lookbehinds.
  std::optional<Match> find(std::string_view text, std::size_t from, RegexScratch& scratch) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
  std::string where_;
};

}  // namespace ergon
