// SPDX-License-Identifier: Apache-2.0
// The inputs of an import as files in a fixed order: inputs as given, the files of a folder sorted by path. Standard input is one of them,
// named "-".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

enum class Compression : std::uint8_t { none, gzip, zstd };
enum class TextFormat : std::uint8_t { text, json_lines };
enum class FormatRule : std::uint8_t {
  by_name,  // *.jsonl and *.ndjson, compressed or not, hold one JSON object a line; everything else is text
  text,
  json_lines,
};

struct InputFile {
  std::string name;  // relative to the input it came from, so that it says nothing of the machine
  std::int32_t input = 0;
  TextFormat format = TextFormat::text;
  Compression compression = Compression::none;  // of standard input: found when it is read
  std::int64_t bytes = 0;                       // as stored; 0 for standard input
};

inline constexpr const char* standard_input = "-";

class InputFiles {
 public:
  // Throws Error (ExitCode::data) for an input that does not exist, a folder without files, and a compression that is not read here.
  InputFiles(std::vector<std::string> inputs, FormatRule rule);

  std::int64_t size() const { return std::ssize(files_); }
  const InputFile& operator[](std::int64_t file) const { return files_[static_cast<std::size_t>(file)]; }
  std::string path(std::int64_t file) const;
  std::int64_t total_bytes() const { return total_bytes_; }
  bool reads_standard_input() const;
  // SHA-256 of names, sizes and formats in order.
  std::string digest() const;

 private:
  void add(const std::string& path, InputFile file, FormatRule rule);

  std::vector<std::string> inputs_;
  std::vector<bool> folder_;  // by input
  std::vector<InputFile> files_;
  std::int64_t total_bytes_ = 0;
};

// What the first bytes of a file say. Throws Error (ExitCode::data) for xz, zip and bzip2.
Compression compression_of(std::string_view head, const std::string& path);

}  // namespace ergon
