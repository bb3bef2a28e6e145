// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_writer.hpp"

#include <algorithm>
#include <cstring>

#include "configs/error.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/data/token_store_file.hpp"
#include "trainer/data/token_store_format.hpp"

namespace ergon {

TokenStoreWriter::TokenStoreWriter(const std::string& path, const Tokenizer& tokenizer, Storage& storage, Existing existing)
    : path_(path), spool_path_(path + ".spool.tmp"), tokenizer_(tokenizer), storage_(storage), info_(token_store_info(tokenizer)) {
  if (existing == Existing::refuse && storage.exists(path))
    throw Error("already exists", path, "name another output, or give --force to replace it");
  tables_.offsets = {0};
  tables_.tokenizer = tokenizer.definition();
  // A killed import leaves these behind.
  for (const std::string& left : {spool_path_, path + ".tmp"})
    if (storage.exists(left)) storage.unlink(left);
  spool_ = storage.create(spool_path_);
  buffer_.reserve(token_store_buffer);
}

TokenStoreWriter::~TokenStoreWriter() {
  try {
    if (storage_.exists(spool_path_)) storage_.unlink(spool_path_);
  } catch (const std::exception&) {
    // A spool that stays is found and removed by the next writer of this name.
  }
}

void TokenStoreWriter::put(std::int32_t id) {
  ERGON_CHECK(id >= 0 && id < info_.vocabulary, "id {} of {}", id, info_.vocabulary);
  const std::size_t at = buffer_.size();
  buffer_.resize(at + static_cast<std::size_t>(info_.token_bytes));
  std::memcpy(buffer_.data() + at, &id, static_cast<std::size_t>(info_.token_bytes));
  if (std::ssize(buffer_) == token_store_buffer) flush();
}

void TokenStoreWriter::flush() {
  const std::span<const std::byte> data(buffer_);
  for (std::size_t begin = 0; begin < data.size(); begin += token_store_crc_block)
    tables_.crc.push_back(crc32c(data.subspan(begin, std::min<std::size_t>(token_store_crc_block, data.size() - begin))));
  storage_.pwrite(spool_, data, spooled_);
  spooled_ += std::ssize(data);
  buffer_.clear();
}

void TokenStoreWriter::append(std::span<const std::int32_t> ids) {
  for (std::int32_t id : ids) put(id);
  info_.tokens += std::ssize(ids);
}

void TokenStoreWriter::add(std::span<const std::int32_t> ids, Split split, std::optional<std::int64_t> answer) {
  append(ids);
  const std::int32_t eod = tokenizer_.eod();
  append({&eod, 1});
  end_document(split, answer);
}

void TokenStoreWriter::end_document(Split split, std::optional<std::int64_t> answer) {
  if (static_cast<std::uint64_t>(info_.tokens) == tables_.offsets.back()) return;
  add_to_split(tables_, static_cast<std::uint64_t>(info_.documents++), split);
  if (answer) tables_.answers.push_back(static_cast<std::uint64_t>(*answer));
  tables_.offsets.push_back(static_cast<std::uint64_t>(info_.tokens));
}

TokenStoreInfo TokenStoreWriter::finish(const std::string& sources, std::optional<ForeignOrigin> foreign) {
  if (info_.documents == 0)
    throw Error("there is no document in the input", path_, "name files that hold text; empty documents are left out", ExitCode::data);
  flush();
  ERGON_CHECK(tables_.answers.empty() || std::ssize(tables_.answers) == info_.documents, "{} answers for {} documents",
              tables_.answers.size(), info_.documents);
  tables_.sources = sources;
  tables_.foreign = std::move(foreign);
  std::vector<std::byte> chunk;
  const TokenBytes tokens = [&](const std::function<void(std::span<const std::byte>)>& consume) {
    for (std::int64_t begin = 0; begin < spooled_; begin += std::ssize(chunk)) {
      chunk.resize(static_cast<std::size_t>(std::min(token_store_buffer, spooled_ - begin)));
      storage_.pread(spool_, chunk, begin);
      consume(chunk);
    }
  };
  info_ = write_token_store(path_, info_, tables_, tokens, storage_);
  storage_.sync_directory(parent_folder(path_));
  return info_;
}

}  // namespace ergon
