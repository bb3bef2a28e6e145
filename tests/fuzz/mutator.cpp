// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutator.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace ergon::fuzz {

std::string Mutator::operator()(const std::vector<std::string>& pool) {
  std::string input = pool[below(pool.size())];
  for (std::size_t changes = std::size_t{1} << below(4); changes > 0; --changes) change(input, pool);
  if (input.size() > longest) input.resize(longest);
  return input;
}

void Mutator::change(std::string& input, const std::vector<std::string>& pool) {
  const std::size_t at = below(input.size() + 1);
  switch (below(4)) {
    case 0:  // a word of the format, in place of as many bytes or between them
      if (!words_.empty()) {
        const std::string_view word = words_[below(words_.size())];
        input.replace(at, below(2) == 0 ? std::min(word.size(), input.size() - at) : 0, word);
      }
      return;
    case 1: {  // another number where one stands
      const auto digit =
          std::find_if(input.begin() + static_cast<std::ptrdiff_t>(at), input.end(), [](unsigned char c) { return std::isdigit(c); });
      const auto end = std::find_if(digit, input.end(), [](unsigned char c) { return !std::isdigit(c); });
      if (digit != end) input.replace(digit, end, number());
      return;
    }
    default:
      change_bytes(input, at, pool[below(pool.size())]);
  }
}

void Mutator::change_bytes(std::string& input, std::size_t at, const std::string& other) {
  const std::size_t length = std::min(input.size() - at, below(below(8) == 0 ? 512 : 8) + 1);
  switch (below(6)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
      return;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(random_());
      return;
    case 2:
      input.erase(at, length);
      return;
    case 3:
      input.insert(at, input.substr(at, length));
      return;
    case 4:
      input.insert(at, length, static_cast<char>(random_()));
      return;
    default: {  // the rest of another input
      const std::size_t from = below(other.size() + 1);
      input.replace(at, std::string::npos, other, from, std::string::npos);
    }
  }
}

std::string Mutator::number() {
  static constexpr std::array<const char*, 14> special = {"0",
                                                          "1",
                                                          "2147483647",
                                                          "2147483648",
                                                          "4294967295",
                                                          "4294967296",
                                                          "9223372036854775807",
                                                          "9223372036854775808",
                                                          "18446744073709551615",
                                                          "18446744073709551616",
                                                          "1e308",
                                                          "1e999",
                                                          "0.1",
                                                          "00"};
  return below(3) == 0 ? std::to_string(random_() >> below(64)) : special[below(special.size())];
}

}  // namespace ergon::fuzz
