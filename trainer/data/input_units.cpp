// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/input_units.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::size_t read_chunk = 1 << 20;

// Where the last whole record ends; 0 when none does.
std::size_t last_boundary(std::string_view text, bool lines_are_records) {
  std::size_t end = text.rfind('\n') + 1;  // npos + 1 is 0
  if (lines_are_records) return end;
  while (end > 0) {
    const std::size_t begin = end >= 2 ? text.rfind('\n', end - 2) + 1 : 0;
    if (is_blank(text.substr(begin, end - begin))) return end;
    end = begin;
  }
  return 0;
}

}  // namespace

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

UnitReader::UnitReader(const InputFiles& files, const DocumentOptions& options, Storage& storage, std::int64_t bytes)
    : files_(files), options_(options), storage_(storage), unit_bytes_(bytes) {
  sources_.reserve(static_cast<std::size_t>(files.size()));
}

bool UnitReader::next(InputUnit& unit) {
  unit.number = next_unit_++;
  unit.text.clear();
  unit.pieces.clear();
  bool full = false;
  while (!full) {
    if (!stream_) {
      if (next_file_ == files_.size()) break;
      // A file that would burst the unit opens one of its own.
      if (!unit.pieces.empty() && std::ssize(unit.text) + files_[next_file_].bytes > unit_bytes_) break;
      stream_ = std::make_unique<InputStream>(files_.path(next_file_), files_[next_file_].compression, storage_);
      line_ = 1;
      ++next_file_;
    }
    full = read_part(unit) || std::ssize(unit.text) >= unit_bytes_;
  }
  const std::int64_t stored = stored_of_ended_ + (stream_ ? stream_->stored_bytes() : 0);
  unit.stored_bytes = stored - stored_given_;
  stored_given_ = stored;
  return !unit.pieces.empty();
}

// Reads on in the open file until it ends (false) or the unit is full.
bool UnitReader::read_part(InputUnit& unit) {
  const std::int64_t file = next_file_ - 1;
  const bool lines_are_records = files_[file].format == TextFormat::json_lines;
  const bool whole = !lines_are_records && options_.rule == DocumentRule::file;
  const std::size_t begin = unit.text.size();
  unit.text += carry_;
  carry_.clear();
  while (true) {
    const std::size_t filled = unit.text.size();
    unit.text.resize(filled + read_chunk);
    const std::size_t got = stream_->read(std::span(unit.text).subspan(filled));
    unit.text.resize(filled + got);
    const std::string_view part = std::string_view(unit.text).substr(begin);
    std::size_t cut = 0;
    if (got < read_chunk) {
      unit.pieces.push_back({file, begin, part.size(), line_});
      stored_of_ended_ += stream_->stored_bytes();
      sources_.push_back({stream_->stored_bytes(), stream_->sha256()});
      stream_.reset();
    } else if (!whole && std::ssize(unit.text) >= unit_bytes_) {
      cut = last_boundary(part, lines_are_records);
    }
    if (cut == 0 && (whole || stream_) && std::ssize(part) > options_.max_document)
      throw Error(fmt::format("holds a document of more than {} bytes", options_.max_document),
                  fmt::format("{}:{}", files_.path(file), line_),
                  whole ? "give a larger --max-document, or --documents blank-line" : "give a larger --max-document", ExitCode::data);
    if (!stream_) return false;
    if (cut == 0) continue;
    unit.pieces.push_back({file, begin, cut, line_});
    line_ += std::ranges::count(part.substr(0, cut), '\n');
    carry_ = part.substr(cut);
    unit.text.resize(begin + cut);
    return true;
  }
}

}  // namespace ergon
