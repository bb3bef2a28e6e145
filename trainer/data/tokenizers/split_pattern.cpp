// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/split_pattern.hpp"

#include "trainer/data/tokenizers/pattern.hpp"

namespace ergon {

Regex read_pattern(Component& component) {
  const nlohmann::json* json = component.part("pattern");
  if (json == nullptr || !json->is_object()) component.refuse("has no 'pattern'");
  Component pattern(*json, component.place() + ".pattern", component.file());
  const std::string where = component.file() + ", " + component.place();
  const std::string text = pattern.text("String", ""), expression = pattern.text("Regex", "");
  pattern.done();
  if (text.empty() == expression.empty()) component.refuse("has a pattern that is neither a String nor a Regex, or is empty");
  return Regex(text.empty() ? pcre_pattern(expression, PatternDialect::oniguruma, where) : pcre_literal(text), where);
}

void replace_matches(std::string& text, const Regex& pattern, const std::string& content, RegexScratch& scratch) {
  std::string replaced;
  std::size_t copied = 0;
  while (const auto match = pattern.find(text, copied, scratch)) {
    replaced.append(text, copied, match->begin - copied).append(content);
    copied = match->end;
  }
  if (copied > 0) text = replaced.append(text, copied);
}

}  // namespace ergon
