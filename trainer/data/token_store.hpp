// SPDX-License-Identifier: Apache-2.0
// A token store, for reading: one HDF5 file of token ids with documents, splits and the tokenizer that made it (FORMAT.md). A helper
// process is asked once where things lie (Storage::hdf5); windows are read by pread. Everything but the tokens is checked against the
// content hash on opening; tokens are checked per block (CRC32C and id range) when a block is first touched.
//
// Thread safety: read() may be called from one thread at a time.
#pragma once

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

// What a reader asks of the file, and the file opened for that. Throws Error (ExitCode::data) for a path that leads to no ordinary file.
const std::vector<std::string>& token_store_datasets();
Storage::File open_token_store(const StorePlace& place, Storage& storage);

class TokenStore {
 public:
  // Throws Error (ExitCode::data) that names the file and what is wrong in it; a shard must be the one that its dataset file lists.
  TokenStore(const StorePlace& place, Storage& storage);
  TokenStore(const std::string& path, Storage& storage) : TokenStore(StorePlace{path}, storage) {}

  const std::string& path() const { return path_; }
  const TokenStoreInfo& info() const { return info_; }
  // Token index where each document starts, and the total: documents + 1 entries. A document ends with eod.
  std::span<const std::uint64_t> offsets() const { return tables_.offsets; }
  std::span<const DocumentRange> split(Split split) const { return tables_.splits[static_cast<std::size_t>(split)]; }
  const std::string& sources() const { return tables_.sources; }  // JSON
  // Of a document, the first of its tokens that counts as a label (0: all do); of documents without such a table, none.
  std::span<const std::uint64_t> answers() const { return tables_.answers; }
  const std::optional<ForeignOrigin>& foreign() const { return tables_.foreign; }
  std::unique_ptr<Tokenizer> tokenizer() const;

  // Tokens [begin, begin + out.size()). A damaged block is an Error that names file and block.
  void read(std::int64_t begin, std::span<std::int32_t> out) const;
  // Reads that were tried again (trainer/data/patient_file). Any thread.
  std::int64_t retries() const { return file_->retries(); }
  // Reads every block, touched before or not; throws one Error that names the first damaged block and how many there are.
  void verify() const;

 private:
  void check_block(std::int64_t block) const;
  std::int64_t read_part(std::int64_t byte, std::span<std::int32_t> out) const;

  std::string path_;
  Storage& storage_;
  TokenStoreInfo info_;
  TokenStoreTables tables_;
  std::unique_ptr<PatientFile> file_;
  std::int64_t data_offset_ = 0;          // bytes
  mutable std::vector<bool> checked_;     // by block
  mutable std::vector<std::byte> block_;  // one block, for its first touch
  mutable std::vector<std::byte> window_;
};

}  // namespace ergon
