// SPDX-License-Identifier: Apache-2.0
// A token store, for reading: one HDF5 file of token ids with documents, splits and the tokenizer that made it (FORMAT.md). A helper
// process is asked once where things lie (Storage::hdf5); windows are read by pread. Everything but the tokens is checked against the
// content hash on opening; tokens are checked per block (CRC32C and id range) when a block is first touched.
//
// Thread safety: any thread may read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/data/patient_file.hpp"
#include "trainer/data/tokenizer.hpp"
#include "trainer/storage.hpp"

namespace ergon {

enum class Split : std::uint8_t { train, validation, test };
inline constexpr Split all_splits[] = {Split::train, Split::validation, Split::test};
const char* name(Split split);  // "train", "valid", "test": the names in the file

// Documents [begin, end).
struct DocumentRange {
  std::uint64_t begin, end;
  bool operator==(const DocumentRange&) const = default;
};

struct TokenStoreInfo {
  std::string uuid;          // from the content hash
  std::string content_hash;  // SHA-256 of attributes and tables, the CRC table of the tokens among them
  std::string tokenizer_kind, tokenizer_sha256;
  std::int64_t vocabulary = 0;
  std::int64_t eod = -1, bos = -1, pad = -1;  // -1: none; a store made from text has an eod
  std::int64_t tokens = 0, documents = 0;
  std::int64_t crc_block = 0;    // bytes
  std::int64_t token_bytes = 0;  // 2 or 4
};

// How ids that another system wrote stood in its files, so that these can be written again byte for byte (trainer/data/foreign).
struct ForeignOrigin {
  std::string description;               // JSON: format, type of the elements
  std::string header;                    // what stood before the tokens
  std::vector<std::uint32_t> sequences;  // tokens of each sequence, empty ones too
  std::vector<std::uint64_t> documents;  // of sequences, empty ones too
  std::vector<std::uint8_t> modes;       // of sequences
  bool operator==(const ForeignOrigin&) const = default;
};

// Everything a store holds besides attributes and tokens.
struct TokenStoreTables {
  std::vector<std::uint64_t> offsets;    // documents + 1
  std::vector<DocumentRange> splits[3];  // by Split
  std::vector<std::uint32_t> crc;        // by block
  std::string tokenizer;                 // definition; may be empty
  std::string sources;                   // JSON
  std::vector<std::uint64_t> answers;    // by document: the first of its tokens that counts as a label; empty: all count
  std::optional<ForeignOrigin> foreign;
};

// Where a store lies, and what is known of it before it is opened.
struct StorePlace {
  std::string path;
  std::string dataset = {};       // the dataset file that lists it; then its name may not be a link. Empty: the user named it
  std::string content_hash = {};  // as listed there
};

// The file opened for reading. Throws Error (ExitCode::data) for a path that leads to no ordinary file.
Storage::File open_token_store(const StorePlace& place, Storage& storage);

// A store but for its tokens, and where they lie: all that a reader asks before it reads. One rank may read it for all
// (trainer/data/store_catalogue).
struct TokenStoreIndex {
  TokenStoreInfo info;
  TokenStoreTables tables;
  std::int64_t data_offset = 0, file_bytes = 0;
};
// Of the file that was opened at `place`, checked. Throws Error (ExitCode::data) that names the file and what is wrong in it; a shard must
// be the one that its dataset file lists.
std::shared_ptr<const TokenStoreIndex> read_token_store_index(const StorePlace& place, const Storage::File& file, Storage& storage);

class TokenStore {
 public:
  // Throws what read_token_store_index throws.
  TokenStore(const StorePlace& place, Storage& storage);
  TokenStore(const std::string& path, Storage& storage) : TokenStore(StorePlace{path}, storage) {}
  // The file is opened by the first read, and refused there when it has another size than the index says.
  TokenStore(const StorePlace& place, std::shared_ptr<const TokenStoreIndex> index, Storage& storage);

  const std::string& path() const { return path_; }
  const TokenStoreInfo& info() const { return index_->info; }
  // Token index where each document starts, and the total: documents + 1 entries. A document ends with eod.
  std::span<const std::uint64_t> offsets() const { return index_->tables.offsets; }
  std::span<const DocumentRange> split(Split split) const { return index_->tables.splits[static_cast<std::size_t>(split)]; }
  const std::string& sources() const { return index_->tables.sources; }  // JSON
  // Of a document, the first of its tokens that counts as a label (0: all do); of documents without such a table, none.
  std::span<const std::uint64_t> answers() const { return index_->tables.answers; }
  // 1 in `is_prompt` for those of the tokens [begin, begin + is_prompt.size()) that stand before their document's answer, else 0; only of a
  // store with answers.
  void mark_prompts(std::int64_t begin, std::span<std::uint8_t> is_prompt) const;
  const std::optional<ForeignOrigin>& foreign() const { return index_->tables.foreign; }
  std::unique_ptr<Tokenizer> tokenizer() const;

  // Tokens [begin, begin + out.size()). A damaged block is an Error that names file and block. Any thread.
  void read(std::int64_t begin, std::span<std::int32_t> out) const;
  // The same as they are stored, info().token_bytes each.
  void read_ids(std::int64_t begin, std::span<std::byte> ids) const;
  // Reads that were tried again (trainer/data/patient_file). Any thread.
  std::int64_t retries() const { return file_.retries(); }
  // Reads every block from the device, touched before or not; throws one Error that names the first damaged block and how many there are.
  void verify() const;

 private:
  std::uint32_t opening() const { return static_cast<std::uint32_t>(file_.openings() + 1); }
  std::vector<std::byte> check_block(std::int64_t block) const;
  std::size_t read_part(std::int64_t byte, std::span<std::byte> out) const;

  TokenStore(const StorePlace& place, Storage::File file, Storage& storage);

  std::string path_;
  std::shared_ptr<const TokenStoreIndex> index_;
  mutable PatientFile file_;
  // By block: which opening of the file it was checked in, from 1; 0: in none.
  mutable std::vector<std::atomic<std::uint32_t>> checked_;
};

}  // namespace ergon
