// SPDX-License-Identifier: Apache-2.0
// The text of an import cut into units of work, in input order. A unit is a few MiB of whole records: runs of small files, or a part of a
// large one cut after a blank line or a line of JSON. Where the cuts lie depends on the input and the options alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/data/input_stream.hpp"

namespace ergon {

enum class DocumentRule : std::uint8_t {
  file,        // a document is a file
  blank_line,  // a document is a run of lines without a blank one (white space alone is blank)
};

struct DocumentOptions {
  std::vector<std::string> inputs;  // files, folders, "-"
  DocumentRule rule = DocumentRule::file;
  std::string text_key = "text";  // of a line of JSON; this key of it is the document
  std::string prompt_key = {};    // of pairs: this key is what the document answers; empty: there are no pairs
  bool sources_too = false;       // of pairs: a line that has "source" and "target", and not prompt_key, is one of these
  FormatRule format = FormatRule::by_name;
  std::int64_t max_document = 64 << 20;  // bytes of the record in the input; a longer one is refused, for it would not fit in memory
};

inline constexpr std::int64_t unit_bytes = 4 << 20;

// A file that was read.
struct SourceFile {
  std::int64_t bytes = 0;  // as stored
  std::string sha256;
};

struct UnitPiece {
  std::int64_t file = 0;
  std::size_t begin = 0, size = 0;  // of the unit's text
  std::int64_t first_line = 1;      // number in the file
};

struct InputUnit {
  std::int64_t number = 0;
  std::string text;
  std::vector<UnitPiece> pieces;
  std::int64_t stored_bytes = 0;  // read from the files for it
};

class UnitReader {
 public:
  // All of them outlive the reader.
  UnitReader(const InputFiles& files, const DocumentOptions& options, Storage& storage, std::int64_t bytes = unit_bytes);

  // Overwrites `unit`; false at the end. Throws Error (ExitCode::data) for a record longer than max_document, with its place.
  bool next(InputUnit& unit);
  // Of the files read to their end, by file.
  const std::vector<SourceFile>& sources() const { return sources_; }

 private:
  bool read_part(InputUnit& unit);

  const InputFiles& files_;
  const DocumentOptions& options_;
  Storage& storage_;
  std::int64_t unit_bytes_;
  std::int64_t next_unit_ = 0, next_file_ = 0, line_ = 1;
  std::int64_t stored_of_ended_ = 0, stored_given_ = 0;
  std::unique_ptr<InputStream> stream_;
  std::string carry_;  // read behind the last cut
  std::vector<SourceFile> sources_;
};

bool is_blank(std::string_view line);  // white space alone

}  // namespace ergon
