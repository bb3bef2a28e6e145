// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/input_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "configs/error.hpp"
#include "configs/sha256.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

TextFormat format_of(const std::string& name, FormatRule rule) {
  if (rule != FormatRule::by_name) return rule == FormatRule::text ? TextFormat::text : TextFormat::json_lines;
  std::string_view bare = name;
  for (std::string_view suffix : {".gz", ".zst"})
    if (bare.ends_with(suffix)) bare.remove_suffix(suffix.size());
  return bare.ends_with(".jsonl") || bare.ends_with(".ndjson") ? TextFormat::json_lines : TextFormat::text;
}

std::string head_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(6, '\0');
  file.read(head.data(), std::ssize(head));
  head.resize(static_cast<std::size_t>(file.gcount()));
  return head;
}

// Names of the files below a folder, sorted.
std::vector<std::string> names_below(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code problem, of_entry;  // a link that leads nowhere is no file, and no trouble of the folder
  for (fs::recursive_directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem))
    if (entry->is_regular_file(of_entry)) names.push_back(entry->path().lexically_relative(folder).generic_string());
  if (problem)
    throw Error(fmt::format("cannot be read ({})", problem.message()), folder, "check the permissions of this folder and of those in it",
                ExitCode::data);
  if (names.empty()) throw Error("holds no file", folder, "name a folder with text files", ExitCode::data);
  std::ranges::sort(names);
  return names;
}

}  // namespace

Compression compression_of(std::string_view head, const std::string& path) {
  if (head.starts_with("\x1f\x8b")) return Compression::gzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  if (head.starts_with("\xfd\x37\x7a\x58") || head.starts_with("PK\x03\x04") || head.starts_with("BZh"))
    throw Error("is compressed in a way that is not read here", path,
                "gzip and zstd are; decompress it first, for instance with unxz, unzip or bunzip2", ExitCode::data);
  return Compression::none;
}

InputFiles::InputFiles(std::vector<std::string> inputs, FormatRule rule) : inputs_(std::move(inputs)) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::string& input = inputs_[i];
    InputFile file;
    file.input = static_cast<std::int32_t>(i);
    folder_.push_back(false);
    if (input == standard_input) {
      if (std::ranges::count(inputs_, input) > 1)
        throw Error("standard input stands on the line twice", standard_input, "it can be read once", ExitCode::config);
      file.name = input;
      file.format = format_of(file.name, rule);
      files_.push_back(file);
      continue;
    }
    std::error_code problem;
    const auto status = fs::status(input, problem);
    if (!fs::exists(status)) throw Error("does not exist", input, "check the path of the input", ExitCode::data);
    if (!fs::is_directory(status)) {
      file.name = fs::path(input).filename().string();
      add(input, file, rule);
      continue;
    }
    folder_.back() = true;
    for (std::string& name : names_below(input)) {
      file.name = std::move(name);
      add((fs::path(input) / file.name).string(), file, rule);
    }
  }
}

void InputFiles::add(const std::string& path, InputFile file, FormatRule rule) {
  std::error_code problem;
  file.bytes = static_cast<std::int64_t>(fs::file_size(path, problem));
  if (problem)
    throw Error(fmt::format("is not a file ({})", problem.message()), path, "name files or folders of text, or - for standard input",
                ExitCode::data);
  file.compression = compression_of(head_of(path), path);
  file.format = format_of(file.name, rule);
  total_bytes_ += file.bytes;
  files_.push_back(std::move(file));
}

std::string InputFiles::path(std::int64_t file) const {
  const InputFile& one = (*this)[file];
  const auto input = static_cast<std::size_t>(one.input);
  return folder_[input] ? (fs::path(inputs_[input]) / one.name).string() : inputs_[input];
}

bool InputFiles::reads_standard_input() const { return std::ranges::find(inputs_, standard_input) != inputs_.end(); }

std::string InputFiles::digest() const {
  Sha256 hash;
  for (const InputFile& file : files_)
    hash.add(fmt::format("{} {} {} {}\n{}\n", file.input, file.bytes, static_cast<int>(file.format), file.name.size(), file.name));
  return hash.hex();
}

}  // namespace ergon
