// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "configs/error.hpp"

namespace ergon {
namespace {

// Backtracking steps of one match, beyond one for each byte of the longest run of a real text: PCRE2 counts them per match, so this is a
// tenth of a second at most.
constexpr std::uint32_t most_steps = 50'000'000;
constexpr std::size_t stack_start = 32 << 10, stack_limit = 16 << 20;
constexpr std::uint32_t interpreter_heap_kib = 64 << 10;

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

template <auto release>
struct Releaser {
  template <typename T>
  void operator()(T* handle) const {
    release(handle);
  }
};
template <typename T, auto release>
using Handle = std::unique_ptr<T, Releaser<release>>;

}  // namespace

struct RegexScratch::State {
  Handle<pcre2_match_context, pcre2_match_context_free> context{pcre2_match_context_create(nullptr)};
  Handle<pcre2_jit_stack, pcre2_jit_stack_free> stack{pcre2_jit_stack_create(stack_start, stack_limit, nullptr)};
  Handle<pcre2_match_data, pcre2_match_data_free> data{pcre2_match_data_create(1, nullptr)};
};

RegexScratch::RegexScratch() : state_(std::make_unique<State>()) {
  if (!state_->context || !state_->stack || !state_->data) throw std::bad_alloc();
  pcre2_set_match_limit(state_->context.get(), most_steps);
  pcre2_set_heap_limit(state_->context.get(), interpreter_heap_kib);
  pcre2_jit_stack_assign(state_->context.get(), nullptr, state_->stack.get());
}
RegexScratch::RegexScratch(RegexScratch&&) noexcept = default;
RegexScratch& RegexScratch::operator=(RegexScratch&&) noexcept = default;
RegexScratch::~RegexScratch() = default;

struct Regex::Code {
  Handle<pcre2_code, pcre2_code_free> compiled;
};

Regex::Regex(const std::string& pattern, const std::string& where) : code_(std::make_unique<Code>()), where_(where) {
  int code = 0;
  PCRE2_SIZE at = 0;
  code_->compiled.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at, nullptr));
  if (!code_->compiled)
    throw Error(fmt::format("the pattern does not compile: {}, at byte {} of {}", message_of(code), at, pattern), where_,
                "the file is damaged, or the pattern is wrong", ExitCode::data);
  std::uint32_t empty = 0;
  pcre2_pattern_info(code_->compiled.get(), PCRE2_INFO_MATCHEMPTY, &empty);
  if (empty != 0)
    throw Error("the pattern matches the empty string, and would split text into nothing", where_, "give a pattern that always takes text",
                ExitCode::data);
  // Without machine code (another processor, or memory that may not be executed) PCRE2 interprets; the result is the same.
  pcre2_jit_compile(code_->compiled.get(), PCRE2_JIT_COMPLETE);
}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

std::optional<Regex::Match> Regex::find(std::string_view text, std::size_t from, RegexScratch& scratch) const {
  const RegexScratch::State& state = *scratch.state_;
  const int found = pcre2_match(code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NO_UTF_CHECK,
                                state.data.get(), state.context.get());
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0)
    throw Error(fmt::format("the pattern cannot be matched at byte {} of a text of {} bytes: {}", from, text.size(), message_of(found)),
                where_, "a pattern that backtracks this much needs another one", ExitCode::data);
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(state.data.get());
  if (offsets[1] <= offsets[0])  // \K inside a lookaround
    throw Error("the pattern matched the empty string", where_, "give a pattern that always takes text", ExitCode::data);
  return Match{offsets[0], offsets[1]};
}

}  // namespace ergon
