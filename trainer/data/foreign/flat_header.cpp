// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/flat_header.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

#include "configs/error.hpp"

namespace ergon {
namespace {

struct LlmcVersion {
  std::int32_t magic, version;
  TokenDtype dtype;
};
constexpr LlmcVersion llmc_versions[] = {{20240520, 1, TokenDtype::u16}, {20240801, 7, TokenDtype::u32}};

constexpr std::string_view npy_magic = "\x93NUMPY";
constexpr std::size_t npy_alignment = 64;  // bytes, of what numpy writes

[[noreturn]] void refuse_header(const std::string& what, const std::string& where) {
  throw Error(what, where, "copy the file again, or name its real format (--from)", ExitCode::data);
}

std::string_view text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The dictionary, of which numpy fixes the three keys but not their order or white space.
class Dictionary {
 public:
  Dictionary(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  // What follows `'key':`, up to the comma or brace that ends it; a tuple with its parentheses.
  std::string_view value(std::string_view key) const {
    const std::string quoted = fmt::format("'{}'", key);
    const std::size_t at = text_.find(quoted);
    if (at == std::string_view::npos || text_.find(quoted, at + 1) != std::string_view::npos) bad(key);
    std::size_t begin = text_.find_first_not_of(" ", at + quoted.size());
    if (begin == std::string_view::npos || text_[begin] != ':') bad(key);
    begin = text_.find_first_not_of(" ", begin + 1);
    if (begin == std::string_view::npos) bad(key);
    const std::size_t end = text_[begin] == '(' ? text_.find(')', begin) + 1 : text_.find_first_of(",}", begin);
    if (end == std::string_view::npos || end == 0) bad(key);
    std::string_view found = text_.substr(begin, end - begin);
    while (found.ends_with(' ')) found.remove_suffix(1);
    return found;
  }
  [[noreturn]] void bad(std::string_view key) const { refuse_header(fmt::format("has a numpy header without a plain '{}'", key), where_); }

 private:
  std::string_view text_;
  const std::string& where_;
};

TokenDtype npy_dtype(std::string_view descr, const std::string& where) {
  for (TokenDtype dtype : all_token_dtypes) {
    const std::string code = fmt::format("{}{}", name(dtype)[0], size_of(dtype));
    if (descr == fmt::format("'<{}'", code) || (size_of(dtype) == 1 && descr == fmt::format("'|{}'", code))) return dtype;
  }
  refuse_header(fmt::format("holds elements of type {}; token ids are little-endian integers", descr), where);
}

// The N of (N,).
std::int64_t npy_count(std::string_view shape, const std::string& where) {
  std::int64_t count = -1;
  if (shape.starts_with('(') && shape.ends_with(",)")) {
    const char* end = shape.data() + shape.size() - 2;
    const auto [stopped, error] = std::from_chars(shape.data() + 1, end, count);
    if (error != std::errc{} || stopped != end) count = -1;
  }
  if (count < 0) refuse_header(fmt::format("has the shape {}; token ids stand in one dim", shape), where);
  return count;
}

}  // namespace

bool is_llmc(std::span<const std::byte> head) {
  std::int32_t magic = 0;
  if (head.size() < sizeof magic) return false;
  std::memcpy(&magic, head.data(), sizeof magic);
  for (const LlmcVersion& version : llmc_versions)
    if (magic == version.magic) return true;
  return false;
}

bool is_npy(std::span<const std::byte> head) { return text_of(head).starts_with(npy_magic); }

FlatHeader parse_llmc_header(std::span<const std::byte> head, const std::string& where) {
  if (std::ssize(head) < llmc_header_bytes) refuse_header("is shorter than the header of llm.c", where);
  std::array<std::int32_t, 3> fields;
  std::memcpy(fields.data(), head.data(), sizeof fields);
  for (const LlmcVersion& version : llmc_versions) {
    if (fields[0] != version.magic) continue;
    if (fields[1] != version.version) refuse_header(fmt::format("has llm.c's version {}, not {}", fields[1], version.version), where);
    if (fields[2] < 0) refuse_header(fmt::format("says that it holds {} tokens", fields[2]), where);
    return {version.dtype, fields[2], std::string(text_of(head.first(static_cast<std::size_t>(llmc_header_bytes))))};
  }
  refuse_header(fmt::format("begins with {}, which is no magic number of llm.c", fields[0]), where);
}

FlatHeader parse_npy_header(std::span<const std::byte> head, const std::string& where) {
  const std::size_t fixed = npy_magic.size() + 2;
  if (!is_npy(head) || head.size() < fixed + 4) refuse_header("has no numpy header", where);
  const auto major = std::to_integer<int>(head[npy_magic.size()]);
  if (major < 1 || major > 3) refuse_header(fmt::format("has numpy's format {}, known are 1 to 3", major), where);
  std::uint32_t length = 0;
  const std::size_t width = major == 1 ? 2 : 4;
  std::memcpy(&length, head.data() + fixed, width);
  const std::size_t end = fixed + width + length;
  if (end > head.size() || static_cast<std::int64_t>(end) > npy_header_limit)
    refuse_header(fmt::format("has a numpy header of {} bytes that it does not hold", end), where);
  const Dictionary dictionary(text_of(head).substr(fixed + width, length), where);
  if (dictionary.value("fortran_order") != "False" && dictionary.value("fortran_order") != "True") dictionary.bad("fortran_order");
  return {npy_dtype(dictionary.value("descr"), where), npy_count(dictionary.value("shape"), where), std::string(text_of(head.first(end)))};
}

std::string llmc_header_bytes_of(TokenDtype dtype, std::int64_t tokens) {
  for (const LlmcVersion& version : llmc_versions) {
    if (version.dtype != dtype) continue;
    if (tokens > std::numeric_limits<std::int32_t>::max())
      throw Error(fmt::format("{} tokens are more than a file of llm.c can say", tokens), "--to",
                  "split the store, or choose another format");
    const std::int32_t fields[] = {version.magic, version.version, static_cast<std::int32_t>(tokens)};
    std::string header(static_cast<std::size_t>(llmc_header_bytes), '\0');
    std::memcpy(header.data(), fields, sizeof fields);
    return header;
  }
  throw Error(fmt::format("llm.c cannot read {}", name(dtype)), "--dtype", "give uint16 or uint32");
}

std::string npy_header_bytes_of(TokenDtype dtype, std::int64_t tokens) {
  const std::string type = fmt::format("{}{}{}", size_of(dtype) == 1 ? '|' : '<', name(dtype)[0], size_of(dtype));
  std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}", type, tokens);
  const std::size_t fixed = npy_magic.size() + 4;
  // numpy leaves room for a count that grows to 21 digits, then pads, with a line feed at the end.
  dictionary.append(21 - std::to_string(tokens).size(), ' ');
  dictionary.append(npy_alignment - (fixed + dictionary.size() + 1) % npy_alignment, ' ');
  dictionary += '\n';
  std::string header(npy_magic);
  header += '\1';
  header += '\0';
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

}  // namespace ergon
