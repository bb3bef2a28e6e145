// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/packing.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "accounting/operations.hpp"
#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "configs/text.hpp"
#include "configs/text_file.hpp"

namespace ergon {
namespace {

using Wide = unsigned __int128;

constexpr const char* examples = "one length a line, or a JSON array: [1024, 300, 724]";

std::vector<std::int64_t> lengths_of_lines(const std::string& text, const std::string& path) {
  std::vector<std::int64_t> lengths;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::string word = trimmed(line);
    if (word.empty()) continue;
    std::int64_t length = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), length);
    if (error != std::errc() || end != word.data() + word.size())
      throw Error(fmt::format("'{}' is not the length of a document", word), fmt::format("{}:{}", path, number), examples);
    lengths.push_back(length);
  }
  return lengths;
}

std::vector<std::int64_t> lengths_of_json(const std::string& text, const std::string& path) {
  const nlohmann::json json = try_parse_shallow<nlohmann::json>(text);
  if (!json.is_array()) throw Error("is not a JSON array, or nests too deep", path, examples);
  std::vector<std::int64_t> lengths;
  for (const nlohmann::json& element : json) {
    const bool fits = element.is_number_integer() && (!element.is_number_unsigned() || element.get<std::uint64_t>() <= INT64_MAX);
    if (!fits)
      throw Error(fmt::format("element {} is not the length of a document: {}", lengths.size() + 1, element.dump()), path, examples);
    lengths.push_back(element.get<std::int64_t>());
  }
  return lengths;
}

}  // namespace

Packing whole_sequence(std::int64_t length, const AttentionRule& rule) {
  ERGON_CHECK(length > 0, "length {}", length);
  Packing packing{.sequence = length, .tokens = length};
  packing.twice_full = Wide{2} * length * length;
  packing.twice_document_half = Wide{1} * length * length;
  packing.twice_visible = Wide{2} * sequence_pairs(rule, length);
  return packing;
}

Packing packed_documents(const std::vector<std::int64_t>& lengths, std::int64_t sequence, const AttentionRule& rule,
                         const std::string& where) {
  if (lengths.empty()) throw Error("there is no document in it", where, examples);
  Packing packing{.sequence = sequence, .documents = static_cast<std::int64_t>(lengths.size())};
  for (const std::int64_t length : lengths) {
    if (length < 1) throw Error(fmt::format("a document of {} tokens", length), where, "a document has one token at least");
    if (length > sequence) {
      throw Error(fmt::format("a document of {} tokens does not fit a sequence of {}", length, sequence), where,
                  "cut it where training cuts it, or give a longer --sequence");
    }
    packing.tokens += length;
    packing.longest = std::max(packing.longest, length);
    packing.twice_document_half += Wide{1} * length * length;
    packing.twice_visible += Wide{2} * sequence_pairs(rule, length);
  }
  packing.twice_full = Wide{2} * packing.tokens * sequence;
  return packing;
}

unsigned __int128 twice_pairs(const Packing& packing, CountedPairs pairs) {
  switch (pairs) {
    case CountedPairs::none:
      return 0;
    case CountedPairs::full:
      return packing.twice_full;
    case CountedPairs::half:
      return packing.twice_full / 2;
    case CountedPairs::document_half:
      return packing.twice_document_half;
    case CountedPairs::visible:
      return packing.twice_visible;
  }
  ERGON_CHECK(false, "pairs {}", static_cast<int>(pairs));
  return 0;
}

const char* name(CountedPairs pairs) {
  switch (pairs) {
    case CountedPairs::none:
      return "no pairs";
    case CountedPairs::full:
      return "s x s";
    case CountedPairs::half:
      return "s x s / 2";
    case CountedPairs::document_half:
      return "sum of L_i^2 / 2";
    case CountedPairs::visible:
      return "visible pairs";
  }
  ERGON_CHECK(false, "pairs {}", static_cast<int>(pairs));
  return "";
}

std::vector<std::int64_t> read_document_lengths(const std::string& path) {
  const std::string text = text_of_file(path, examples);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && (text[first] == '[' || text[first] == '{') ? lengths_of_json(text, path)
                                                                                  : lengths_of_lines(text, path);
}

}  // namespace ergon
