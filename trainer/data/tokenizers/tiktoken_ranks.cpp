// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tiktoken_ranks.hpp"

#include <charconv>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

namespace ergon {
namespace {

// Looking for the pairs of a token takes the square of its length; known files need some ten million.
constexpr std::size_t most_work = std::size_t{1} << 30, longest_token = 4096;

int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// False for what is not base64 with its padding.
bool decode_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.empty() || text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int value = i + padding < text.size() ? value_of(text[i]) : 0;
    if (value < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (i % 4 != 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(bits >> shift & 0xFF));
    bits = 0;
  }
  bytes.erase(bytes.size() - padding);  // not resize: GCC 12 warns of growing by -2
  return true;
}

// One line without its end; an empty string: it reads.
std::string read_line(std::string_view line, TokenTable& tokens, std::size_t& work) {
  const std::size_t space = line.find(' ');
  std::string bytes;
  if (space == std::string_view::npos || !decode_base64(line.substr(0, space), bytes))
    return "is not a token in base64, a space and a rank";
  std::int64_t rank = -1;
  const auto [end, problem] = std::from_chars(line.data() + space + 1, line.data() + line.size(), rank);
  if (problem != std::errc() || end != line.data() + line.size() || rank < 0 || rank >= TokenTable::most_ids)
    return fmt::format("has no rank from 0 to {} after the space", TokenTable::most_ids - 1);
  work += bytes.size() * bytes.size();
  if (bytes.size() > longest_token || work > most_work) return "goes beyond what this version takes: the tokens are too long";
  if (!tokens.add(bytes, rank)) return "gives a token or a rank that another line gives";
  return "";
}

void add_merges(BytePairModel& model) {
  for (std::int32_t id = 0; id < model.tokens.end(); ++id) {
    const std::string_view token = model.tokens.bytes(id);
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const std::int32_t left = model.tokens.find(token.substr(0, cut));
      if (left == TokenTable::none) continue;
      if (const std::int32_t right = model.tokens.find(token.substr(cut)); right != TokenTable::none)
        model.merges.add(left, right, {static_cast<std::uint32_t>(id), id});
    }
  }
}

// The next line of `text` without its end, which may be CR LF.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

bool looks_like_tiktoken_ranks(std::string_view text) {
  TokenTable tokens;
  std::size_t work = 0;
  return read_line(take_line(text), tokens, work).empty();
}

BytePairModel read_tiktoken_ranks(std::string_view text, const std::string& where) {
  if (text.size() > largest_tokenizer_file)
    throw Error(fmt::format("has {} bytes, more than {}", text.size(), largest_tokenizer_file), where, "name a tiktoken file",
                ExitCode::data);
  BytePairModel model;
  model.whole_piece_first = true;
  std::size_t work = 0;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.empty()) continue;
    if (const std::string problem = read_line(line, model.tokens, work); !problem.empty())
      throw Error(problem, fmt::format("{}:{}", where, number), "the file is damaged, or no tiktoken file", ExitCode::data);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    model.byte_ids[static_cast<std::size_t>(byte)] = model.tokens.find({&c, 1});
  }
  if (const int byte = model.missing_byte(); byte >= 0)
    throw Error(fmt::format("has no token for the byte 0x{:02X}", byte), where, "the file is cut short, or no tiktoken file",
                ExitCode::data);
  add_merges(model);
  return model;
}

}  // namespace ergon
