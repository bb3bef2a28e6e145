// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/export_ids.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/complete_file.hpp"
#include "trainer/data/foreign/flat_header.hpp"

namespace ergon {
namespace {

constexpr std::int64_t exported_piece = 1 << 18;  // tokens

[[noreturn]] void refuse_original(const TokenStore& store, const std::string& why) {
  throw Error(why, store.path(), "choose a format: --to megatron, nanogpt, llmc or olmo", ExitCode::config);
}

// Format and type that the description names.
void read_description(const TokenStore& store, ForeignFormat& format, TokenDtype& dtype) {
  const auto json = try_parse_shallow<nlohmann::json>(store.foreign()->description);
  const auto text = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string();
  };
  const auto known_format = foreign_format(text("format"));
  const auto known_dtype = token_dtype(text("dtype"));
  if (!known_format || !known_dtype) refuse_original(store, "does not say in what format its ids were");
  format = *known_format;
  dtype = *known_dtype;
}

// As Megatron-LM chooses: uint16 below 65500.
TokenDtype default_dtype(ForeignFormat format, std::int64_t vocabulary) {
  if (format == ForeignFormat::megatron) return vocabulary < 65500 ? TokenDtype::u16 : TokenDtype::i32;
  return vocabulary <= 65536 ? TokenDtype::u16 : TokenDtype::u32;
}

// A store and the documents of it that are written.
struct Part {
  const TokenStore& store;
  std::vector<DocumentRange> documents;
};

void write_tokens(CompleteFile& file, const Part& part, TokenDtype dtype) {
  std::vector<std::int32_t> ids;
  std::vector<std::byte> bytes;
  for (const DocumentRange& range : part.documents) {
    const auto end = static_cast<std::int64_t>(part.store.offsets()[range.end]);
    for (auto begin = static_cast<std::int64_t>(part.store.offsets()[range.begin]); begin < end; begin += std::ssize(ids)) {
      ids.resize(static_cast<std::size_t>(std::min(exported_piece, end - begin)));
      bytes.resize(ids.size() * static_cast<std::size_t>(size_of(dtype)));
      part.store.read(begin, ids);
      encode_tokens(dtype, ids, bytes);
      file.write(bytes);
    }
  }
}

// A sequence a document.
MegatronIndex index_of(const std::vector<Part>& parts, TokenDtype dtype) {
  MegatronIndex index{dtype, {}, {0}, {}};
  const auto add = [&](const TokenStore& store, std::uint64_t d) {
    const std::uint64_t tokens = store.offsets()[d + 1] - store.offsets()[d];
    if (tokens > std::numeric_limits<std::int32_t>::max())
      throw Error(fmt::format("document {} has {} tokens, more than Megatron's index can say", d, tokens), store.path(),
                  "choose another format", ExitCode::config);
    index.lengths.push_back(static_cast<std::int32_t>(tokens));
    index.documents.push_back(std::ssize(index.lengths));
  };
  for (const auto& [store, documents] : parts)
    for (const DocumentRange& range : documents)
      for (std::uint64_t d = range.begin; d < range.end; ++d) add(store, d);
  return index;
}

MegatronIndex original_index(const ForeignOrigin& foreign, TokenDtype dtype) {
  MegatronIndex index{dtype, {}, {}, {}};
  index.lengths.assign(foreign.sequences.begin(), foreign.sequences.end());
  index.documents.assign(foreign.documents.begin(), foreign.documents.end());
  for (std::uint8_t mode : foreign.modes) index.modes.push_back(static_cast<std::int8_t>(mode));
  return index;
}

std::string header_of(ForeignFormat format, TokenDtype dtype, std::int64_t tokens) {
  if (format == ForeignFormat::llmc) return llmc_header_bytes_of(dtype, tokens);
  return format == ForeignFormat::olmo ? npy_header_bytes_of(dtype, tokens) : std::string();
}

}  // namespace

IdsExportSummary export_ids(const TokenStores& stores, const IdsExportOptions& options, Storage& storage) {
  const bool original = !options.format;
  const TokenStore& first = *stores.front();
  IdsExportSummary summary{{}, options.format.value_or(ForeignFormat::megatron), TokenDtype::u16};
  if (original) {
    if (!first.foreign()) refuse_original(first, "was made from text: it has no original files of ids");
    if (stores.size() > 1) refuse_original(first, fmt::format("is one of {} stores, each with an original of its own", stores.size()));
    if (options.split || options.dtype) refuse_original(first, "the original files are whole and in their own type");
    read_description(first, summary.format, summary.dtype);
  } else {
    summary.dtype = options.dtype.value_or(default_dtype(summary.format, first.info().vocabulary));
  }
  const bool megatron = summary.format == ForeignFormat::megatron;

  std::vector<Part> parts;
  for (const auto& store : stores) {
    parts.push_back({*store, documents_of(*store, options.split)});
    for (const DocumentRange& range : parts.back().documents) {
      summary.documents += static_cast<std::int64_t>(range.end - range.begin);
      summary.tokens += static_cast<std::int64_t>(store->offsets()[range.end] - store->offsets()[range.begin]);
    }
  }
  if (summary.tokens == 0)
    throw Error(fmt::format("has no document in its split {}", name(*options.split)), first.path(), "choose another --split",
                ExitCode::config);

  summary.files = megatron ? std::vector{options.output + ".bin", options.output + ".idx"} : std::vector{options.output};
  for (const std::string& path : summary.files)
    if (options.existing == Existing::refuse && storage.exists(path))
      throw Error("already exists", path, "name another output, or give --force to replace it");
  // Made first: what the format cannot say is refused before anything is written.
  const std::string header = original ? first.foreign()->header : header_of(summary.format, summary.dtype, summary.tokens);
  std::vector<std::byte> index;
  if (megatron) index = megatron_index_bytes(original ? original_index(*first.foreign(), summary.dtype) : index_of(parts, summary.dtype));

  CompleteFile tokens(storage, summary.files[0]);
  tokens.write(header);
  for (const Part& part : parts) write_tokens(tokens, part, summary.dtype);
  if (megatron && storage.exists(summary.files[1])) {
    storage.unlink(summary.files[1]);  // an index of other tokens would be believed
    storage.sync_directory(parent_folder(summary.files[1]));
  }
  tokens.finish();
  if (megatron) {
    CompleteFile file(storage, summary.files[1]);
    file.write(index);
    file.finish();
  }
  return summary;
}

}  // namespace ergon
