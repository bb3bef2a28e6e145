// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/foreign_file.hpp"

#include <algorithm>
#include <vector>

#include "configs/error.hpp"
#include "trainer/data/foreign/flat_header.hpp"

namespace ergon {
namespace {

constexpr ForeignFormat all_formats[] = {ForeignFormat::megatron, ForeignFormat::nanogpt, ForeignFormat::llmc, ForeignFormat::olmo};

std::vector<std::byte> head_of(const std::string& path, Storage& storage, std::int64_t most) {
  const Storage::File file = storage.open_read(path);
  std::vector<std::byte> head(static_cast<std::size_t>(std::min(storage.size(file), most)));
  storage.pread(file, head, 0);
  return head;
}

// Without .bin or .idx.
std::string stem_of(const std::string& path) {
  return path.ends_with(".bin") || path.ends_with(".idx") ? path.substr(0, path.size() - 4) : path;
}

ForeignFormat guess(const std::string& path, Storage& storage) {
  if (path.ends_with(".idx") || storage.exists(stem_of(path) + ".idx")) return ForeignFormat::megatron;
  const auto head = head_of(path, storage, 16);
  if (is_llmc(head)) return ForeignFormat::llmc;
  return is_npy(head) || path.ends_with(".npy") ? ForeignFormat::olmo : ForeignFormat::nanogpt;
}

void check_dtype(std::optional<TokenDtype> asked, const ForeignFile& file) {
  if (asked && *asked != file.dtype)
    throw Error(fmt::format("holds {}, not {}", name(file.dtype), name(*asked)), file.path, "leave --dtype out: the file says its type");
}

// How many ids the bytes behind the header are.
std::int64_t count_ids(const ForeignFile& file, std::int64_t bytes) {
  const std::int64_t each = size_of(file.dtype), behind = bytes - file.offset;
  if (behind % each != 0)
    throw Error(fmt::format("has {} bytes of ids, which is no multiple of the {} of a {}", behind, each, name(file.dtype)), file.path,
                "name the type that the file was written with (--dtype), or copy it again", ExitCode::data);
  return behind / each;
}

ForeignFile open_megatron(const std::string& path, std::optional<TokenDtype> dtype, Storage& storage) {
  const std::string stem = stem_of(path), index_path = stem + ".idx";
  for (const std::string& needed : {index_path, stem + ".bin"})
    if (!storage.exists(needed))
      throw Error("does not exist", needed, "a Megatron data set is a .bin file beside its .idx", ExitCode::data);
  const auto index = head_of(index_path, storage, INT64_MAX);
  ForeignFile file{ForeignFormat::megatron, {}, stem + ".bin", 0, 0, {}, parse_megatron_index(index, index_path)};
  file.dtype = file.index.dtype;
  file.tokens = file.index.tokens();
  check_dtype(dtype, file);
  return file;
}

ForeignFile open_flat(const std::string& path, ForeignFormat format, std::optional<TokenDtype> dtype, Storage& storage,
                      std::int64_t bytes) {
  const auto head = head_of(path, storage, npy_header_limit);
  ForeignFile file{format, dtype.value_or(TokenDtype::u16), path, 0, 0, {}, {}};
  const bool headed = format == ForeignFormat::llmc || (format == ForeignFormat::olmo && is_npy(head));
  if (headed) {
    const FlatHeader header = format == ForeignFormat::llmc ? parse_llmc_header(head, path) : parse_npy_header(head, path);
    file.dtype = header.dtype;
    file.tokens = header.tokens;
    file.header = header.bytes;
    file.offset = std::ssize(header.bytes);
    check_dtype(dtype, file);
  } else {
    if (format == ForeignFormat::olmo && !dtype)
      throw Error("is raw: nothing in it says how wide an id is", path, "name the type, for instance --dtype uint16 or uint32");
    file.tokens = count_ids(file, bytes);
  }
  return file;
}

}  // namespace

const char* name(ForeignFormat format) {
  constexpr const char* names[] = {"megatron", "nanogpt", "llmc", "olmo"};
  return names[static_cast<std::size_t>(format)];
}

std::optional<ForeignFormat> foreign_format(std::string_view text) {
  for (ForeignFormat format : all_formats)
    if (text == name(format)) return format;
  return std::nullopt;
}

ForeignFile open_foreign(const std::string& path, std::optional<ForeignFormat> format, std::optional<TokenDtype> dtype, Storage& storage) {
  const bool is_stem = storage.exists(path + ".idx");
  if (!storage.exists(path) && !is_stem) throw Error("does not exist", path, "check the path", ExitCode::data);
  if (!format) format = is_stem ? ForeignFormat::megatron : guess(path, storage);
  if (*format == ForeignFormat::megatron) {
    ForeignFile file = open_megatron(path, dtype, storage);
    const std::int64_t expected = file.tokens * size_of(file.dtype), bytes = storage.size(file.path);
    if (bytes != expected)
      throw Error(fmt::format("has {} bytes, its index says {}", bytes, expected), file.path, "copy both files again", ExitCode::data);
    return file;
  }
  const std::int64_t bytes = storage.size(path);
  ForeignFile file = open_flat(path, *format, dtype, storage, bytes);
  if (const std::int64_t ids = count_ids(file, bytes); ids != file.tokens)
    throw Error(fmt::format("holds {} ids, its header says {}", ids, file.tokens), path, "copy the file again", ExitCode::data);
  return file;
}

void read_foreign(const ForeignFile& file, Storage& storage, const std::function<void(std::span<const std::int32_t> ids)>& take,
                  std::int64_t piece) {
  const Storage::File opened = storage.open_read(file.path);
  std::vector<std::byte> bytes;
  std::vector<std::int32_t> ids;
  for (std::int64_t done = 0; done < file.tokens; done += std::ssize(ids)) {
    ids.resize(static_cast<std::size_t>(std::min(piece, file.tokens - done)));
    bytes.resize(ids.size() * static_cast<std::size_t>(size_of(file.dtype)));
    storage.pread(opened, bytes, file.offset + done * size_of(file.dtype));
    decode_tokens(file.dtype, bytes, ids, done, file.path);
    take(ids);
  }
}

}  // namespace ergon
