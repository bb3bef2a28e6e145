// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/megatron_index.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::string_view magic("MMIDIDX\0\0", 9);

struct TypeCode {
  TokenDtype dtype;
  std::uint8_t code;
};
constexpr TypeCode type_codes[] = {{TokenDtype::u8, 1},  {TokenDtype::i8, 2},  {TokenDtype::i16, 3},
                                   {TokenDtype::i32, 4}, {TokenDtype::i64, 5}, {TokenDtype::u16, 8}};

[[noreturn]] void refuse_index(const std::string& what, const std::string& where) {
  throw Error(what, where, "copy the data set again, or make it again with Megatron-LM", ExitCode::data);
}

// Takes values off the front of the bytes.
class IndexReader {
 public:
  IndexReader(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::span<const std::byte> take(std::uint64_t size) {
    if (size > bytes_.size()) refuse_index(fmt::format("ends {} bytes early", size - bytes_.size()), where_);
    const auto taken = bytes_.first(static_cast<std::size_t>(size));
    bytes_ = bytes_.subspan(static_cast<std::size_t>(size));
    return taken;
  }
  template <typename T>
  T value() {
    T result;
    std::memcpy(&result, take(sizeof result).data(), sizeof result);
    return result;
  }
  template <typename T>
  std::vector<T> table(std::uint64_t count) {
    if (count > bytes_.size() / sizeof(T)) refuse_index(fmt::format("has no room for a table of {} entries", count), where_);
    std::vector<T> result(static_cast<std::size_t>(count));
    const auto from = take(count * sizeof(T));
    if (count > 0) std::memcpy(result.data(), from.data(), from.size());
    return result;
  }
  std::size_t left() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
};

TokenDtype read_dtype(std::uint8_t code, const std::string& where) {
  for (const TypeCode& type : type_codes)
    if (type.code == code) return type.dtype;
  refuse_index(fmt::format("has elements of type {}, which is no integer type", code), where);
}

void check_pointers(const MegatronIndex& index, const std::vector<std::int64_t>& pointers, const std::string& where) {
  std::int64_t next = 0;
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    if (index.lengths[i] < 0) refuse_index(fmt::format("sequence {} has {} tokens", i, index.lengths[i]), where);
    if (pointers[i] != next)
      refuse_index(fmt::format("sequence {} begins at byte {} and not where the one before it ends ({})", i, pointers[i], next), where);
    next += index.lengths[i] * size_of(index.dtype);
  }
}

void check_documents(const MegatronIndex& index, const std::string& where) {
  const auto& documents = index.documents;
  if (documents.empty() || documents.front() != 0 || documents.back() != std::ssize(index.lengths) || !std::ranges::is_sorted(documents))
    refuse_index(fmt::format("its table of documents does not lead from 0 to {} sequences", index.lengths.size()), where);
}

template <typename T>
void append(std::vector<std::byte>& bytes, std::span<const T> values) {
  const std::size_t at = bytes.size();
  bytes.resize(at + values.size_bytes());
  if (!values.empty()) std::memcpy(bytes.data() + at, values.data(), values.size_bytes());
}

template <typename T>
void append(std::vector<std::byte>& bytes, T value) {
  append(bytes, std::span<const T>(&value, 1));
}

}  // namespace

std::int64_t MegatronIndex::tokens() const {
  std::int64_t sum = 0;
  for (std::int32_t length : lengths) sum += length;
  return sum;
}

MegatronIndex parse_megatron_index(std::span<const std::byte> bytes, const std::string& where) {
  IndexReader reader(bytes, where);
  if (std::memcmp(reader.take(magic.size()).data(), magic.data(), magic.size()) != 0)
    refuse_index("does not begin with MMIDIDX: it is not the index of a Megatron data set", where);
  if (const auto version = reader.value<std::uint64_t>(); version != 1) refuse_index(fmt::format("has version {}, not 1", version), where);
  MegatronIndex index;
  index.dtype = read_dtype(reader.value<std::uint8_t>(), where);
  const auto sequences = reader.value<std::uint64_t>(), documents = reader.value<std::uint64_t>();
  index.lengths = reader.table<std::int32_t>(sequences);
  const auto pointers = reader.table<std::int64_t>(sequences);
  index.documents = reader.table<std::int64_t>(documents);
  if (reader.left() > 0) index.modes = reader.table<std::int8_t>(sequences);
  if (reader.left() > 0) refuse_index(fmt::format("has {} bytes too many", reader.left()), where);
  check_pointers(index, pointers, where);
  check_documents(index, where);
  return index;
}

std::vector<std::byte> megatron_index_bytes(const MegatronIndex& index) {
  const auto* type = std::ranges::find(type_codes, index.dtype, &TypeCode::dtype);
  if (type == std::end(type_codes))
    throw Error(fmt::format("Megatron data sets cannot hold {}", name(index.dtype)), "--dtype", "give uint16 or int32");
  std::vector<std::byte> bytes;
  append(bytes, std::span<const char>(magic));
  append(bytes, std::uint64_t{1});
  append(bytes, type->code);
  append(bytes, static_cast<std::uint64_t>(index.lengths.size()));
  append(bytes, static_cast<std::uint64_t>(index.documents.size()));
  append(bytes, std::span(index.lengths));
  std::int64_t pointer = 0;
  for (std::int32_t length : index.lengths) {
    append(bytes, pointer);
    pointer += length * size_of(index.dtype);
  }
  append(bytes, std::span(index.documents));
  append(bytes, std::span(index.modes));
  return bytes;
}

}  // namespace ergon
