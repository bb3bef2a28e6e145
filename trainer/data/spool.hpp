// SPDX-License-Identifier: Apache-2.0
// What workers made of units of input: a raw segment of tokens a unit, in a folder beside the output, with a table of its documents and a
// record of its counts, all under checksums. A segment has its name when it is whole; after a kill those that are whole are found again.
// They are not synced: what a crash of the machine tore does not match its checksum and is made again. A private format of one version.
//
// Thread safety: segments of different units may be written, found and read at once.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/storage.hpp"

namespace ergon {

using Digest = std::array<std::byte, 32>;  // SHA-256

// As it stands in a segment.
struct SpoolDocument {
  std::array<std::byte, 16> hash = {};  // first half of the SHA-256 of the text
  std::uint32_t tokens = 0;             // with its eod
  std::uint32_t text_bytes = 0;
  std::uint32_t file = 0;
  std::uint32_t split = 0;  // Split
};
static_assert(sizeof(SpoolDocument) == 32);

// What a unit came to. Documents that were left out are in the counts, not in the table.
struct SegmentCounts {
  std::int64_t documents = 0, tokens = 0;
  std::int64_t empty_documents = 0, invalid_documents = 0;  // left out
  std::int64_t repaired_documents = 0, replaced_sequences = 0, replaced_bytes = 0;
};

class Spool {
 public:
  // `plan`: what the tokens depend on besides the text. `token_bytes`: 2 or 4. The folder exists.
  Spool(std::string folder, const Digest& plan, std::int64_t token_bytes, Storage& storage);

  // The segment of a unit, checked from end to end; nothing when there is none, or a torn one. Throws Error (ExitCode::data) when it was
  // made of other input.
  std::optional<SegmentCounts> find(std::int64_t unit, const Digest& input) const;

  // Writes one segment; nothing is left under its name when it is destroyed before finish().
  class Writer {
   public:
    Writer(const Spool& spool, std::int64_t unit);
    // A document with its eod; ids are below the vocabulary.
    void add(std::span<const std::int32_t> ids, std::int32_t eod, SpoolDocument document);
    void finish(const SegmentCounts& counts, const Digest& input);

   private:
    void flush();

    const Spool& spool_;
    std::int64_t unit_;
    Storage::File file_;
    std::vector<std::byte> buffer_;
    std::vector<SpoolDocument> table_;
    std::int64_t written_ = 0;
    std::uint32_t crc_ = 0;
  };

  // Both throw Error (ExitCode::data) when the segment is not as it was written.
  std::vector<SpoolDocument> table(std::int64_t unit) const;
  void tokens(std::int64_t unit, const std::function<void(std::span<const std::byte>)>& consume) const;

  // Throws Error (ExitCode::data) when there is a segment of a unit from `units` on: the input was longer once.
  void refuse_beyond(std::int64_t units) const;

  const std::string& folder() const { return folder_; }
  std::int64_t token_bytes() const { return token_bytes_; }

 private:
  struct Footer;
  std::string path(std::int64_t unit) const;
  std::optional<Footer> footer(const Storage::File& file, std::int64_t unit) const;
  std::uint32_t checksum(const Storage::File& file, std::int64_t begin, std::int64_t end,
                         const std::function<void(std::span<const std::byte>)>& consume) const;
  [[noreturn]] void damaged(std::int64_t unit) const;

  std::string folder_;
  Digest plan_;
  std::int64_t token_bytes_;
  Storage& storage_;
};

}  // namespace ergon
