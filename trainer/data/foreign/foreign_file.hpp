// SPDX-License-Identifier: Apache-2.0
// Token ids as other systems store them, opened: which format, which type, where the ids stand. Ids are read in order, a piece at a time.
//
//   megatron   NAME.bin beside NAME.idx (megatron_index.hpp)
//   nanogpt    one file, raw uint16 unless another type is named
//   llmc       one file with llm.c's header (flat_header.hpp)
//   olmo       one .npy: with numpy's header, or raw (then the type must be named)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "trainer/data/foreign/megatron_index.hpp"
#include "trainer/data/foreign/token_dtype.hpp"
#include "trainer/storage.hpp"

namespace ergon {

enum class ForeignFormat : std::uint8_t { megatron, nanogpt, llmc, olmo };
const char* name(ForeignFormat format);
std::optional<ForeignFormat> foreign_format(std::string_view name);

struct ForeignFile {
  ForeignFormat format;
  TokenDtype dtype;
  std::string path;         // of the file with the ids
  std::int64_t offset = 0;  // of the first id, in bytes
  std::int64_t tokens = 0;
  std::string header;   // the bytes before the ids
  MegatronIndex index;  // of megatron
};

// `path`: the file, or for megatron either file or their common name. What is not given is taken from the files: an .idx beside it,
// magic numbers, the ending .npy. Throws Error: a file that is missing, damaged or of another size than its header says, a type that
// contradicts the header, raw ids of which nothing tells the type.
ForeignFile open_foreign(const std::string& path, std::optional<ForeignFormat> format, std::optional<TokenDtype> dtype, Storage& storage);

// All ids in order, up to `piece` at a time.
void read_foreign(const ForeignFile& file, Storage& storage, const std::function<void(std::span<const std::int32_t> ids)>& take,
                  std::int64_t piece = 1 << 18);

}  // namespace ergon
